//! Who asks: permissions, roles, and the proof of a session.

/// One thing that a use case may ask for. The check is in the use case and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Search and read events of devices: personal data of employees.
    ReadEvents,
    /// Read alerts.
    ReadAlerts,
    /// Read the list of devices and the health of their agents.
    ReadDevices,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 3] = [Self::ReadEvents, Self::ReadAlerts, Self::ReadDevices];

    /// The name in the audit chain and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadEvents => "read_events",
            Self::ReadAlerts => "read_alerts",
            Self::ReadDevices => "read_devices",
        }
    }
}

/// A named set of permissions that a person is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the installation.
    Administrator,
    /// Looks into alerts.
    Analyst,
    /// Keeps the fleet running; sees devices, not what people did on them.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Analyst, Self::Operator];

    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Analyst => "analyst",
            Self::Operator => "operator",
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
            Self::Analyst => {
                &[Permission::ReadEvents, Permission::ReadAlerts, Permission::ReadDevices]
            }
            Self::Operator => &[Permission::ReadDevices],
        }
    }

    /// The roles of the store's text; names of a newer version give nothing.
    pub(crate) fn of_store(text: &str) -> Vec<Self> {
        text.split(',').filter_map(|name| Self::of_name(name.trim())).collect()
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
}

impl Actor {
    pub(crate) const fn of_session(person: String, name: String, roles: Vec<Role>) -> Self {
        Self { person, name, roles }
    }

    /// The person's name, for showing who is signed in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether one of the person's roles gives the permission: for hiding what would be refused anyway.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| role.permissions().contains(&permission))
    }

    /// How the audit chain names the person.
    pub(crate) fn audit_name(&self) -> String {
        format!("person {} {}", self.person, self.name)
    }
}
