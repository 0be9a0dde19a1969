product = Mimamori
skip = Skip to content
nav-label = Main
nav-today = Today
nav-alerts = Alerts
nav-search = Search
nav-devices = Devices
nav-software = Software
nav-desk = Reviews
nav-people = People
nav-catalogue = May I use it?
nav-requests = My requests
nav-my-pc = My PC
crumbs = You are in
menu-title = Settings
menu-language = Language
menu-theme = Colours
menu-zone = Time zone
menu-zone-apply = Use
language-ja = 日本語
language-en = English
theme-system = System
theme-light = Light
theme-dark = Dark
zone-server = Server’s zone
sign-out = Sign out
footer-zone = Times are UTC{ $text }
offline = The server does not answer. What you see may be out of date.
close = Close
more = Show more
never = never
unknown = unknown
ago = { $text } ago

keys-title = Keys
keys-next = Next row
keys-previous = Previous row
keys-open = Open the row
keys-search = Search
keys-go-today = Go to Today
keys-go-alerts = Go to Alerts
keys-go-search = Go to Search
keys-go-devices = Go to Devices
keys-go-software = Go to Software
keys-go-desk = Go to Reviews
keys-go-people = Go to People
keys-go-catalogue = Go to the catalogue
keys-go-requests = Go to My requests
keys-go-my-pc = Go to My PC
keys-help = Show the keys
keys-leave = Close, leave the field
keys-turn-on = Turn keys on
keys-turn-off = Turn keys off

duration-ms = { $n } ms
duration-seconds = { $n } s
duration-minutes = { $n } min
duration-hours = { $n } h
duration-days = { $n } { $n ->
    [one] day
   *[other] days
}

count-events = { $n } { $n ->
    [one] event
   *[other] events
}
count-events-at-least = At least { $n } events
count-devices = { $n } { $n ->
    [one] device
   *[other] devices
}

range-label = Time range
range-any = Any time
range-15m = Last 15 minutes
range-1h = Last hour
range-24h = Last 24 hours
range-7d = Last 7 days
range-30d = Last 30 days
range-exact = Exact …
range-from = From
range-to = To
range-zone = UTC{ $text }

col-level = Level
col-time = Time ({ $text })
col-interval = When ({ $text })
col-rule = Rule
col-device = Device
col-user = User
col-kind = What happened
col-by = By
col-what = Details
col-file = File
col-reason = Reason
col-class = Class
col-lost = Lost
col-number = No.
col-field = Field
col-condition = The rule asks for
col-value = The event’s value
col-agent = Agent
col-last-seen = Last report
col-enrolled = Enrolled
col-not-recorded = Not recorded
col-epoch = Epoch
col-span = Numbers
col-announced = Announced
col-stored = Stored
col-sums = Sums
col-seen = Seen
col-filtered = Filtered
col-received = Received
col-merged = Merged
col-queued = Queued

sums-title = Do the sums agree?
sums-streams = Per stream: announced = stored + lost
sums-classes = Per class, counted by the agent: seen = filtered + handed over + lost
sums-agree = agree
sums-disagree = do not agree
disagree-seen = { $n } seen, but filtered, handed over and lost add up to { $m }.
disagree-submitted = { $n } received, but only { $m } handed over.
disagree-received = { $n } received, but recorded, merged and undecodable add up to { $m }.
disagree-emitted = { $n } queued or given up, but only { $m } recorded.
sums-none = No stream yet. The sums appear with the first batch of an agent.
gaps-title = Declared gaps
gaps-none = No agent declared a gap in the last 24 hours.
standing-kept = fine
standing-broken = look here
standing-unknown = no data

filter-add = Search for this value
filter-exclude = Exclude this value
filter-apply = Apply
filter-clear = Clear
