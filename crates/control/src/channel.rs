//! The port for channels that carry messages to people, and the channel that is always there: the console.
//!
//! A channel for chat or mail implements [`Channel`] in another crate and is given to
//! [`crate::Control::use_channel`].

use crate::Language;
use crate::view::people::Button;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A message on its way to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Stays the same when the message is given again: a channel that can drop repetitions does so by it.
    pub id: String,
    /// Identifier of the person.
    pub to: String,
    /// Name of the person.
    pub to_name: String,
    /// What sort of message, by a stored name.
    pub kind: String,
    /// The language that it is in.
    pub language: Language,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// Its answers, each with a path of the console.
    pub buttons: Vec<Button>,
}

/// Why a channel did not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// The same message may be taken later.
    Later {
        /// In words for an administrator.
        reason: String,
    },
    /// It never will.
    Never {
        /// In words for an administrator.
        reason: String,
    },
}

/// What a delivery comes to.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>>;

/// A way to reach people.
pub trait Channel: Send + Sync + std::fmt::Debug {
    /// Its name in the store, which never changes.
    fn name(&self) -> &'static str;

    /// Hands a message over. `Ok` only when the channel answers for it from now on.
    fn deliver<'a>(&'a self, message: &'a Outgoing) -> Delivery<'a>;
}

/// The console's own pages, "My PC" and the outbox: a message is there as soon as it is marked delivered.
#[derive(Debug, Clone, Copy)]
struct Console;

impl Channel for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn deliver<'a>(&'a self, _: &'a Outgoing) -> Delivery<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The channels of an installation.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    all: Vec<Arc<dyn Channel>>,
}

impl Default for Channels {
    fn default() -> Self {
        Self { all: vec![Arc::new(Console)] }
    }
}

impl Channels {
    /// Adds a channel, by which new messages go from now on.
    pub(crate) fn add(&mut self, channel: Arc<dyn Channel>) {
        self.all.retain(|known| known.name() != channel.name());
        self.all.push(channel);
    }

    /// The channel for new messages.
    pub(crate) fn chosen(&self) -> &dyn Channel {
        self.all.last().map_or(&Console, |channel| &**channel)
    }

    pub(crate) fn of_name(&self, name: &str) -> Option<&dyn Channel> {
        self.all.iter().find(|channel| channel.name() == name).map(|channel| &**channel)
    }
}
