//! Who asks: permissions, roles, and the proof of a session.

use crate::scope::Scope;
use crate::store::Row;
use crate::{ControlError, Language};
use sqlx::Row as _;

/// One thing that a use case may ask for. The check is in the use case and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Search and read events of devices: personal data of employees.
    ReadEvents,
    /// Read alerts.
    ReadAlerts,
    /// Read the list of devices and the health of their agents.
    ReadDevices,
    /// Look up which software may be used, and the recommended tools.
    ReadCatalogue,
    /// Write, file, join, follow and withdraw one's own requests.
    FileRequest,
    /// Read "My PC" and answer one's own messages, questions and findings.
    AnswerOwn,
    /// Read everybody's requests with their reviews and evidence, and the policies.
    ReadRequests,
    /// Review requests: assign, ask, run checks.
    ReviewRequests,
    /// Approve, deny and revoke.
    DecideRequests,
    /// Edit titles, their names and identities, recommended tools; import and retire.
    EditCatalogue,
    /// Edit the policy checklist.
    EditPolicies,
    /// Read which software is on which device, and the exclusions.
    ReadInventory,
    /// Edit exclusions.
    EditExclusions,
    /// Read findings.
    ReadFindings,
    /// Judge, assign, hold and close findings.
    WorkFindings,
    /// Send a drafted message under one's own name.
    SendMessages,
    /// Read the messages to everybody in scope.
    ReadMessages,
    /// Read the metrics.
    ReadMetrics,
    /// Read the list of people and departments.
    ReadPeople,
    /// Invite and disable people, give roles, edit departments and the owners of devices.
    ManagePeople,
    /// Read and verify the audit chain.
    ReadAudit,
    /// Read the rules and what they cost and found.
    ReadRules,
    /// Try rules on the past, write own rules and put them into force.
    EditRules,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 23] = [
        Self::ReadEvents,
        Self::ReadAlerts,
        Self::ReadDevices,
        Self::ReadCatalogue,
        Self::FileRequest,
        Self::AnswerOwn,
        Self::ReadRequests,
        Self::ReviewRequests,
        Self::DecideRequests,
        Self::EditCatalogue,
        Self::EditPolicies,
        Self::ReadInventory,
        Self::EditExclusions,
        Self::ReadFindings,
        Self::WorkFindings,
        Self::SendMessages,
        Self::ReadMessages,
        Self::ReadMetrics,
        Self::ReadPeople,
        Self::ManagePeople,
        Self::ReadAudit,
        Self::ReadRules,
        Self::EditRules,
    ];

    /// The name in the audit chain and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadEvents => "read_events",
            Self::ReadAlerts => "read_alerts",
            Self::ReadDevices => "read_devices",
            Self::ReadCatalogue => "read_catalogue",
            Self::FileRequest => "file_request",
            Self::AnswerOwn => "answer_own",
            Self::ReadRequests => "read_requests",
            Self::ReviewRequests => "review_requests",
            Self::DecideRequests => "decide_requests",
            Self::EditCatalogue => "edit_catalogue",
            Self::EditPolicies => "edit_policies",
            Self::ReadInventory => "read_inventory",
            Self::EditExclusions => "edit_exclusions",
            Self::ReadFindings => "read_findings",
            Self::WorkFindings => "work_findings",
            Self::SendMessages => "send_messages",
            Self::ReadMessages => "read_messages",
            Self::ReadMetrics => "read_metrics",
            Self::ReadPeople => "read_people",
            Self::ManagePeople => "manage_people",
            Self::ReadAudit => "read_audit",
            Self::ReadRules => "read_rules",
            Self::EditRules => "edit_rules",
        }
    }

    /// Whether its use cases narrow what they show and change to the departments that a person is limited to.
    /// The rest reaches the whole company, so a person who is limited does not have it.
    const fn can_be_limited(self) -> bool {
        match self {
            Self::ReadDevices
            | Self::ReadCatalogue
            | Self::FileRequest
            | Self::AnswerOwn
            | Self::ReadRequests
            | Self::ReviewRequests
            | Self::DecideRequests
            | Self::ReadInventory
            | Self::ReadFindings
            | Self::WorkFindings
            | Self::SendMessages
            | Self::ReadMessages
            | Self::ReadPeople => true,
            Self::ReadEvents
            | Self::ReadAlerts
            | Self::EditCatalogue
            | Self::EditPolicies
            | Self::EditExclusions
            | Self::ReadMetrics
            | Self::ManagePeople
            | Self::ReadAudit
            | Self::ReadRules
            | Self::EditRules => false,
        }
    }
}

/// A named set of permissions that a person is given. The stored names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the installation.
    Administrator,
    /// Looks into alerts and findings.
    Analyst,
    /// Keeps the fleet running; sees devices, not what people did on them.
    Operator,
    /// Uses a computer of the company: asks before using software, answers for the own PC.
    Employee,
    /// Checks requests and decides them.
    Reviewer,
    /// Reads everything and changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Administrator,
        Self::Analyst,
        Self::Operator,
        Self::Employee,
        Self::Reviewer,
        Self::Auditor,
    ];

    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Analyst => "analyst",
            Self::Operator => "operator",
            Self::Employee => "employee",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
        }
    }

    /// The name for a Japanese reader.
    #[must_use]
    pub const fn label_ja(self) -> &'static str {
        match self {
            Self::Administrator => "管理者",
            Self::Analyst => "アナリスト",
            Self::Operator => "運用担当",
            Self::Employee => "従業員",
            Self::Reviewer => "審査担当",
            Self::Auditor => "監査人",
        }
    }

    /// The role of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What the role may do.
    #[must_use]
    pub const fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Administrator => &Permission::ALL,
            Self::Employee => {
                &[Permission::ReadCatalogue, Permission::FileRequest, Permission::AnswerOwn]
            }
            Self::Operator => &[
                Permission::ReadCatalogue,
                Permission::FileRequest,
                Permission::AnswerOwn,
                Permission::ReadDevices,
                Permission::ReadInventory,
            ],
            Self::Reviewer => &[
                Permission::ReadCatalogue,
                Permission::FileRequest,
                Permission::AnswerOwn,
                Permission::ReadRequests,
                Permission::ReviewRequests,
                Permission::DecideRequests,
                Permission::EditCatalogue,
                Permission::EditPolicies,
                Permission::ReadInventory,
                Permission::ReadFindings,
                Permission::ReadMetrics,
            ],
            Self::Analyst => &[
                Permission::ReadCatalogue,
                Permission::FileRequest,
                Permission::AnswerOwn,
                Permission::ReadEvents,
                Permission::ReadAlerts,
                Permission::ReadDevices,
                Permission::ReadRequests,
                Permission::ReadInventory,
                Permission::EditExclusions,
                Permission::ReadFindings,
                Permission::WorkFindings,
                Permission::SendMessages,
                Permission::ReadMessages,
                Permission::ReadMetrics,
                Permission::ReadPeople,
                Permission::ReadRules,
                Permission::EditRules,
            ],
            Self::Auditor => &[
                Permission::ReadCatalogue,
                Permission::ReadEvents,
                Permission::ReadAlerts,
                Permission::ReadDevices,
                Permission::ReadRequests,
                Permission::ReadInventory,
                Permission::ReadFindings,
                Permission::ReadMessages,
                Permission::ReadMetrics,
                Permission::ReadPeople,
                Permission::ReadAudit,
                Permission::ReadRules,
            ],
        }
    }

    /// The roles of the store's text; names of a newer version give nothing.
    pub(crate) fn of_store(text: &str) -> Vec<Self> {
        text.split(',').filter_map(|name| Self::of_name(name.trim())).collect()
    }

    /// The store's text of roles.
    pub(crate) fn to_store(roles: &[Self]) -> String {
        let mut roles = roles.to_vec();
        roles.sort_unstable();
        roles.dedup();
        roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(",")
    }
}

/// A signed-in person with permissions. Only [`crate::Control::actor`] makes one, from a session's
/// secret, so that no request can name somebody else:
///
/// ```compile_fail
/// let forged = control::Actor { person: String::new(), name: String::new(), roles: vec![] };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    person: String,
    name: String,
    roles: Vec<Role>,
    language: Language,
    time_zone: String,
    department: Option<String>,
    limited_to: Vec<String>,
    has_password: bool,
}

impl Actor {
    /// The columns of `person` that make an actor; other columns of a row follow from
    /// [`Actor::COLUMNS_LEN`] on.
    pub(crate) const COLUMNS: &str = "person.id, person.name, person.roles, person.language, \
         person.time_zone, person.department_id, person.limited_to, \
         CASE WHEN person.password_hash IS NULL THEN 0 ELSE 1 END";
    pub(crate) const COLUMNS_LEN: usize = 8;

    pub(crate) fn of_row(row: &Row) -> Result<Self, ControlError> {
        Ok(Self {
            person: row.try_get(0)?,
            name: row.try_get(1)?,
            roles: Role::of_store(&row.try_get::<String, _>(2)?),
            language: Language::of_code(&row.try_get::<String, _>(3)?),
            time_zone: row.try_get(4)?,
            department: row.try_get(5)?,
            limited_to: ids_of_store(&row.try_get::<String, _>(6)?),
            has_password: row.try_get::<i64, _>(7)? != 0,
        })
    }

    /// The person's name, for showing who is signed in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The person's identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.person
    }

    /// The person's roles.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The language that the person reads.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// The person's time zone by its IANA name.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.time_zone
    }

    /// The identifier of the person's department.
    #[must_use]
    pub fn department(&self) -> Option<&str> {
        self.department.as_deref()
    }

    /// Whether the person can sign in without a link.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.has_password
    }

    /// Whether one of the person's roles gives the permission: for hiding what would be refused anyway.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        (self.limited_to.is_empty() || permission.can_be_limited())
            && self.roles.iter().any(|role| role.permissions().contains(&permission))
    }

    /// Whose rows the person may see and change by a permission; without the permission the own ones.
    #[must_use]
    pub fn scope(&self, permission: Permission) -> Scope {
        if !self.may(permission) {
            self.own()
        } else if self.limited_to.is_empty() {
            Scope::All
        } else {
            Scope::Departments(self.limited_to.clone())
        }
    }

    /// The person's own rows.
    #[must_use]
    pub fn own(&self) -> Scope {
        Scope::Person(self.person.clone())
    }

    /// How the audit chain names the person.
    pub(crate) fn audit_name(&self) -> String {
        format!("person {} {}", self.person, self.name)
    }
}

/// Who changes people and devices: a person with the permission for it, or somebody at the server itself.
#[derive(Debug, Clone, Copy)]
pub enum Principal<'a> {
    /// A signed-in person.
    Person(&'a Actor),
    /// The command line on the server: whoever reads the data folder may do everything anyway.
    Machine,
}

impl<'a> From<&'a Actor> for Principal<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self::Person(actor)
    }
}

impl Principal<'_> {
    /// Whether this is the person of an identifier.
    pub(crate) fn is(&self, person: &str) -> bool {
        matches!(self, Self::Person(actor) if actor.id() == person)
    }
}

/// The identifiers of the store's text.
pub(crate) fn ids_of_store(text: &str) -> Vec<String> {
    text.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect()
}
