nav-rules = Rules
keys-go-rules = Go to Rules
rules-none = No rule is in force.
rules-refused = { $n ->
    [one] { $n } rule was refused
   *[other] { $n } rules were refused
  }
rules-title = Rule
rules-find = Find rules
rules-find-hint = title, text, ATT&CK id, file
rules-status = Status
rules-matches = Matches (30 days)
rules-devices = Devices (30 days)
rules-source = Source
rules-correlation = correlation
rules-inactive = not evaluated
rules-alerts = Alerts of this rule
rules-try = Try a rule on the past
rules-try-lead = Every edit asks the stored events what the rule would have done. Nothing is saved.
rules-text = Rule (Sigma)
rules-filter = Exclusion (Sigma filter)
rules-span = Time range
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
rules-distinct = { $n } { $n ->
    [one] value
   *[other] values
  }
rules-asked = the rule asks for it
rules-values-of = Values are those of the first { $n } matches found.
rules-exclusions = Proposed exclusions
rules-exclusions-lead = Values that repeat. Make sure that they are harmless, then paste one into the exclusion to see its effect.
rules-exclusion = takes away { $n }
rules-samples = Some matches, and why
rules-every = All
rules-own = Own
rules-stage = In force
rules-since = since
rules-new = New rule
rules-edit = Edit the rule
rules-copy = Copy and edit
rules-copied = “{ $text }” comes from a file and stays as it is. Saving makes a rule of your own; stop the other one when yours takes its place.
rules-edit-draft = A saved rule begins as a draft: it looks at the past only and raises no alert.
rules-edit-in-force = This rule is in force. What you save judges events within seconds.
rules-edit-stopped = This rule is stopped. Saving keeps it stopped; resume it on its page.
rules-save = Save
rules-save-draft = Save as a draft
rules-comment = What was changed, and why
rules-tests = Tests
rules-tests-none = No test yet. Choose a match of the past, or write one.
rules-tests-lead = Cases that must match (expect: match) and that must not (expect: none). A rule leaves the draft when one case must match and all pass.
rules-tests-passed = { $n } of { $m } tests pass.
rules-untested = No test that the rule must match: it can be saved, and stays a draft.
rules-make-test = Make a test of this
rules-looking = { $n } of { $m } events looked at, the newest first
rules-ring = Canary ring
rules-ring-lead = A rule on trial looks at the events of every device, but raises alerts only for these.
rules-ring-devices = Devices
rules-ring-groups = Groups with all their devices
rules-ring-departments = Departments with all their devices
rules-ring-by-department = by its group or department
rules-step-release = Try it on the canary ring
rules-step-widen = Put it into force on all devices
rules-step-narrow = Back to the canary ring
rules-step-withdraw = Back to the draft
rules-step-resume = Resume
rules-step-stop = Stop the rule
rules-stopped-by = Stopped:
rules-canary-did = The canary so far:
rules-canary-alerts = { $n ->
    [one] { $n } alert
   *[other] { $n } alerts
} on { $m ->
    [one] { $m } device
   *[other] { $m } devices
} of the ring
rules-canary-elsewhere = { $n ->
    [one] { $n } match
   *[other] { $n } matches
} on other devices
rules-canary-ring = { $n ->
    [0] No device is in the ring.
    [one] { $n } device in the ring
   *[other] { $n } devices in the ring
}
rules-revisions = Revisions
rules-digest = SHA-256
rules-number = No.
rules-author = By
rules-compare = Compare
rules-compared = Revision { $n } compared with { $m }
rules-take-up = Take it up again
rules-steps = History
rules-by-server = by the server
said-rule-saved = The rule is saved.
said-rule-moved = Done. It has force within seconds.
rules-stopped-count = { $n ->
    [one] { $n } rule is stopped
   *[other] { $n } rules are stopped
}
