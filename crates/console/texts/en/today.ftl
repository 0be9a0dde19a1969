today-title = Today
today-live = Live, as of
today-alerts = Alerts, last 24 hours
today-no-alerts-next = To see one, run this on a watched device. It changes nothing, but a bundled rule asks for it.
today-events = Events, last 24 hours
today-no-events = No events in the last 24 hours.
today-no-agents = No agent is enrolled. Issue a token on the server and enrol an agent with it:
today-not-recorded = Not recorded:
rules-refused-title = Loading of rules
rules-refused-more = { $n } more. This command lists all of them:
rules-refused-note = These rules are not in force. Correct the file and start the server again; the others work.
tile-agents = Agents reporting
tile-agents-value = { $n } of { $m }
tile-agents-note = within 2 minutes
tile-lost = Events lost
tile-lost-value = { $n }
tile-lost-note-none = last 24 hours
tile-lost-note = { $n } { $n ->
    [one] gap
   *[other] gaps
} in 24 hours
tile-lost-note-uncounted = { $n } { $n ->
    [one] gap
   *[other] gaps
}, { $m } without a count
tile-lag = Lake lag
tile-lag-note = since the newest event
tile-sums = Sums
tile-sums-agree = Agree
tile-sums-disagree = { $n } { $n ->
    [one] does not agree
   *[other] do not agree
}
tile-sums-note = { $n } stored
tile-rules = Rules in force
tile-rules-value = { $n }
tile-rules-note-none = none refused
tile-rules-note = { $n } refused
waiting-title = Software check: waiting for a person
waiting-requests = Requests to review
waiting-rechecks = Re-reviews
waiting-findings = Open findings
waiting-disputed = “Not mine” to settle
waiting-drafts = Drafts to send
waiting-candidates = Identities to confirm
waiting-held = Snapshots held back
