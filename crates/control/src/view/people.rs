//! People, departments and messages as shown.

use crate::{Language, Role};
use model::{DeviceId, Timestamp};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Which person.
    pub id: String,
    /// The name, which also signs in.
    pub name: String,
    /// The roles.
    pub roles: Vec<Role>,
    /// Identifiers of the departments that the roles are limited to; empty: they reach the whole company.
    pub limited_to: Vec<String>,
    /// The language that the person reads.
    pub language: Language,
    /// The time zone by its IANA name.
    pub time_zone: String,
    /// Identifier of the department.
    pub department_id: Option<String>,
    /// Name of the department.
    pub department: Option<String>,
    /// Identifier of the manager.
    pub manager_id: Option<String>,
    /// Name of the manager.
    pub manager: Option<String>,
    /// Whether a password is set.
    pub has_password: bool,
    /// When the account was added.
    pub created_at: Timestamp,
    /// When it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// When a session was last used.
    pub last_seen_at: Option<Timestamp>,
}

/// A department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepartmentRow {
    /// Which department.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many people who are not disabled belong to it.
    pub people: u64,
}

/// Whose a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDevice {
    /// Which device.
    pub device: DeviceId,
    /// The device's name.
    pub name: String,
    /// Identifier and name of the owner.
    pub owner: Option<(String, String)>,
    /// Identifier and name of the department: its own, or else that of the owner.
    pub department: Option<(String, String)>,
}

/// An invitation to sign in. Its token is not stored and cannot be had again.
#[derive(Clone)]
pub struct Invitation {
    /// For the link `/signin?token=…`; works once.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageState {
    /// Written; waits for its time or its channel.
    Queued,
    /// The channel has it.
    Delivered,
    /// The channel will not take it; the reason is beside it.
    Failed,
    /// The person pressed a button.
    Answered,
    /// Not needed any more before it was delivered.
    Withdrawn,
}

impl MessageState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Delivered, Self::Failed, Self::Answered, Self::Withdrawn];

    /// The name in the store, which never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Answered => "answered",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A button below a message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Button {
    /// What an answer with it means, for the use case.
    pub name: String,
    /// What is written on it, in the message's language.
    pub label: String,
    /// Where in the console the person answers: a path of the console.
    pub link: String,
}

/// A message in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Which message.
    pub id: String,
    /// Identifier of whom it is for.
    pub to: String,
    /// Name of whom it is for.
    pub to_name: String,
    /// Name of the person who sent it; `None`: Mimamori itself.
    pub sender: Option<String>,
    /// What sort of message, by a stored name.
    pub kind: String,
    /// What it is about: a word and an identifier, as "finding …".
    pub about: String,
    /// Its language.
    pub language: Language,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// Its answers.
    pub buttons: Vec<Button>,
    /// By which channel.
    pub channel: String,
    /// What has become of it.
    pub state: MessageState,
    /// Why it was not delivered; empty otherwise.
    pub reason: String,
    /// The button that was pressed.
    pub answer: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// Not delivered before.
    pub due_at: Timestamp,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}
