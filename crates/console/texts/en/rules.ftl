nav-rules = Rules
keys-go-rules = Go to rules
rules-lead = { $n ->
    [one] { $n } rule
   *[other] { $n } rules
  } in force. Numbers are those of the last 30 days.
rules-none = No rule is in force.
rules-refused = { $n ->
    [one] { $n } rule was refused
   *[other] { $n } rules were refused
  }
rules-title = Rule
rules-status = Status
rules-matches = Matches (30 days)
rules-devices = Devices (30 days)
rules-source = Source
rules-correlation = correlation
rules-inactive = not evaluated
rules-alerts = Alerts of this rule
rules-try = Try a rule on the past
rules-try-this = Try this rule on the past
rules-try-lead = Every edit asks the stored events what the rule would have done. Nothing is saved.
rules-text = Rule (Sigma)
rules-filter = Exclusion (Sigma filter)
rules-span = Time
rules-span-day = Last 24 hours
rules-span-week = Last 7 days
rules-span-month = Last 30 days
rules-look-back = Look back
rules-cannot = This cannot be evaluated as it is
rules-line = Line { $n }
rules-whole = The text
rules-hits = { $n ->
    [one] { $n } match
   *[other] { $n } matches
  }
rules-looked-at = { $n ->
    [one] { $n } event looked at
   *[other] { $n } events looked at
  }
rules-took = { $n } ms
rules-read = { $n } of them read whole
rules-incomplete = Time ran out: only the newest events were looked at. Choose a shorter time.
rules-left-out = { $n } events were left out of the correlation because there were too many.
rules-no-hit = Nothing of that time matches.
rules-per-day = Matches per day
rules-per-device = Matches per device ({ $n } in all)
rules-distinct = { $n } different
rules-asked = asked by the rule
rules-values-of = Values are those of the first { $n } matches found.
rules-exclusions = Proposed exclusions
rules-exclusions-lead = Values that repeat. Make sure that they are harmless, then paste one into the exclusion to see its effect.
rules-exclusion = takes away { $n }
rules-samples = Some matches, and why
