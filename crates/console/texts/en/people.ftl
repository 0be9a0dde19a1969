people-department = Department
people-manager = Manager
people-disabled = Disabled
people-add = Add a person
people-departments = Departments
people-count = { $n ->
    [one] { $n } person
   *[other] { $n } people
}
people-department-add = Add a department
people-words = Name, department, device
people-no-match = Nothing matches.
people-first = { $n } of { $m } are shown; search to narrow them down.
people-unknown = There is nobody called "{ $text }". Choose one of the suggestions.
people-devices = Whose device is whose
people-no-owner = nobody
people-own = Set
people-none-chosen = (none)
people-invitation = Invitation
people-invitation-lead = Give this link to the person. It works once and is not shown again.
people-invitation-until = It is valid until { $text }.
people-has-password = Has a password
people-no-password = No password yet
people-about = Department and language
people-save = Save
people-invite = Make an invitation
people-enable = Enable
people-disable = Disable
people-not-own = Nobody changes their own roles.
