filter-level-any = Any level
filter-level-min = { $text } and above
filter-device-any = Any device
filter-rule = Rule id
alerts-none = No alerts yet.
alerts-none-filtered = No alert matches this filter.
alerts-none-filtered-next = Widen the time range or lower the level.
alert-why = Why this is an alert
alert-any-field = any field
alert-equals = equals
alert-field-missing = the field is missing
alert-command = Command line, in full
alert-image = Program
alert-ancestors = How the process came to run
alert-no-ancestors = The event names no process, or its start was not recorded.
alert-rule = The rule
alert-rule-note = Marked lines are the conditions that held; the numbers lead to the evidence.
alert-rule-id = Rule id
alert-revision = Revision
alert-detected = Detected
alert-history = Last 30 days
alert-history-value = { $n } { $n ->
    [one] match
   *[other] matches
} on { $m } { $m ->
    [one] device
   *[other] devices
}
alert-tags = Tags
alert-false-positives = Known false positives
alert-fields = The event’s fields
alert-story = Device around that time
alert-event = The event
alert-same-rule = Same rule, 30 days
pid = PID
