rules-span-quarter = Last 90 days
rule-exclusions-title = Rule exclusions
rule-exclusions-lead = They take legitimate activity out of what rules match. Each has a reason, an owner and an end, and stops by itself.
rule-exclusions-new = New exclusion
rule-exclusions-edit = Edit the exclusion
rule-exclusions-none = No exclusions of rules yet. An alert's page and a look at the past lead here too.
rule-exclusion-name = Name
rule-exclusion-any = any rule
rule-exclusion-soon = ends soon
rule-exclusion-taken-30d = Taken (30 days)
rule-exclusion-taken = Taken
rule-exclusion-taken-n = { $n } { $n ->
    [one] match
   *[other] matches
  } taken away so far
rule-exclusion-taken-30d-n = { $n } in the last 30 days
rule-exclusion-last = Last taken
rule-exclusion-never = never
rule-exclusion-state-active = in force
rule-exclusion-state-expired = expired
rule-exclusion-state-ended = ended
rule-exclusion-made = Made by
rule-exclusion-ended = Why it ended
rule-exclusion-filter-id = Filter id
rule-exclusion-copy = New one like this
rule-exclusion-change-end = Change the end, or end it
rule-exclusion-extend = Change the end
rule-exclusion-end = End it now
rule-exclusion-by-day = Taken by day (UTC, 30 days)
rule-exclusion-by-rule = Taken by rule
rule-exclusion-nothing-taken = Nothing was taken away yet.
rule-exclusion-document = Sigma filter
rule-exclusion-form-lead = Before it is saved, you see how it would have changed the alerts of the past.
rule-exclusion-preview-title = On the last { $n } days
rule-exclusion-hits = { $n } { $n ->
    [one] match
   *[other] matches
  } without it
rule-exclusion-would-take = { $n } taken away
rule-exclusion-would-keep = { $n } kept
rule-exclusion-hides-all = It takes every match away, which is to stop the rule. Narrow the conditions.
rule-exclusion-takes-none = It takes none of the past matches away. Check the names of fields and the values.
rule-exclusion-left-out = There are many rules: { $n } were looked at, { $m } more were not.
rule-exclusion-samples = Some of what it takes away
rule-exclusion-rules = Rules
rule-exclusion-rules-hint = Ids or names of rules, one a line. Left empty: any rule.
rule-exclusion-product = Product (such as linux, optional)
rule-exclusion-category = Category (such as process_creation, optional)
rule-exclusion-conditions = A match is taken away when all of these hold.
rule-exclusion-values-hint = One value a line; one of them is enough. They mean exactly what is written, in upper or lower case.
rule-exclusion-hand-hint = Only matches for which the condition holds are kept; to take matches away write condition: not selection. The end is given below.
rule-exclusion-owner-hint = Left empty: whoever saves it.
rule-exclusion-to-hand = Write it in Sigma
rule-exclusion-to-form = Use the form
compared-is = is one of
compared-startswith = begins with
compared-endswith = ends with
compared-contains = contains
compared-cidr = is in the network
rule-lists-title = Lists
rule-lists-lead = The values of %names% in rules: kept here, in files of lists/ in the data folder, or made of what is known of devices and software. Values of one name are put together.
rule-lists-new = New list
rule-lists-none = No lists yet.
rule-lists-there = Lists
rule-lists-missing = { $n } { $n ->
    [one] name
   *[other] names
  } without values
rule-lists-missing-lead = These rules are refused because they lack values. They are loaded as soon as there is a list.
rule-lists-and-more = and { $n } more
rule-list-refused = Refused rules
rule-list-supply = Give values
rule-list-name = Name
rule-list-origin = From
rule-list-values = Values
rule-list-count = Count
rule-list-used = Rules that use it
rule-list-too-long = too long to be used
rule-list-kept = kept here
rule-list-live = automatic
rule-list-changed = Changed by
rule-list-name-hint = Letters, digits and _. A rule writes it %name%.
rule-list-description = What it is for
rule-list-values-hint = One a line; lines that begin with # are left out. Values are patterns of Sigma: * and ? are wildcards.
rule-list-remove = Remove
rule-lists-live-title = Automatic lists
rule-list-live-devices = names of all devices
rule-list-live-groups = names of a group's devices, by the name of the group
rule-list-live-department = names of a department's devices, such as %Devices_Sales%
rule-list-live-names = names of departments; of groups of devices
rule-list-live-people = names of people who may sign in; of administrators among them
rule-list-live-hosts = where vendors offer the software that may be used
rule-list-live-titles = names of software on devices, by judgement: denied, unapproved, approved …
rule-list-live-programs = paths of such programs, by judgement
rule-list-live-hashes = SHA-256 of such programs, by judgement
rule-packs-title = Packs
rule-packs-lead = Rules that belong together, from packs/ in the data folder or from --rules. A pack that claims a signature is loaded only when it verifies.
rule-packs-none = No packs.
rule-pack-embedded = built in
rule-pack-signed = signed by { $text }
rule-pack-unsigned = not signed
rule-pack-refused = refused
rule-pack-rules = { $n } { $n ->
    [one] rule
   *[other] rules
  }
rule-pack-files = { $n } { $n ->
    [one] file
   *[other] files
  }
rule-pack-folder = Folder
rule-pack-commit = Commit
rule-pack-digest = SHA-256
rule-packs-how = How to sign one
rule-packs-how-text = A public key (NAME.pub) in packs/trusted/ of the data folder is trusted. With a file packs/require-signature there, packs without a signature are refused.
rule-health-title = Rule health
rule-health-lead = Which share of devices sends the events and fields that a rule needs, what it found, and what it costs. Devices: of the last two days; the rest: of the last 30.
rule-health-none = No rule fits.
rule-health-fed = Devices with data
rule-health-rarest = Rarest field
rule-health-fields = Fields it needs
rule-health-last = Last match
rule-health-never = none
rule-health-filtered = Excluded (30 days)
rule-health-cost = Time per event
rule-health-share = { $text } of all rules’ time ·
rule-health-asked = looked at for { $n } of a million events
rule-health-devices = { $n } of { $m } devices
rule-health-percent = { $n }%
rule-health-unfed = lacks data
rule-health-field-missing = nobody sends it
rule-health-left-out = { $n } more; mimamori rules health lists all.
rule-health-view-unfed = Lacking data
rule-health-view-loud = Most matches
rule-health-view-costly = Most costly
rule-health-view-silent = Never matched
