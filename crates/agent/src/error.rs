//! What can go wrong in the agent, by who has to act.

use std::{io, path::PathBuf};

/// How an error is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Goes away by itself; tried again.
    Retry,
    /// A person has to act; tried again rarely.
    Reject,
    /// The agent can not run.
    Fatal,
}

/// The agent can not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The spool refuses.
    #[error(transparent)]
    Spool(#[from] spool::SpoolError),
    /// The sensor refuses.
    #[error(transparent)]
    Sensor(#[from] sensor::SensorError),
    /// A message is not well formed.
    #[error(transparent)]
    Wire(#[from] wire::WireError),
    /// A file of the agent can not be used.
    #[error("could not {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file of the agent has content that can not be understood.
    #[error("{} can not be used: {why}", path.display())]
    BadFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what helps.
        why: String,
    },
    /// There is an identity already.
    #[error("already enrolled as agent {agent} with {server}; remove {} to enrol again", path.display())]
    AlreadyEnrolled {
        /// The identity.
        agent: String,
        /// The server.
        server: String,
        /// The file that holds it.
        path: PathBuf,
    },
    /// The server could not be reached, or it is not the one that was expected.
    #[error("could not reach {server}: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// What happened.
        why: String,
    },
    /// The server answered and refused.
    #[error("{server} refused with status {status}: {why}")]
    Refused {
        /// The server.
        server: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        why: String,
    },
    /// The certificate that the server gave for a renewal can not take the place of the present one.
    #[error("the certificate that came back can not be used: {why}")]
    BadRenewal {
        /// What is wrong with it.
        why: String,
    },
    /// The server's address is not usable.
    #[error("{given} is not a server address; write https://host:port")]
    BadServer {
        /// What was given.
        given: String,
    },
    /// Keys or randomness could not be made.
    #[error("could not make {what}: {why}")]
    Crypto {
        /// What.
        what: &'static str,
        /// The library's answer.
        why: String,
    },
    /// The operating system refuses something that the agent needs to run.
    #[error("could not {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl AgentError {
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.into(), source }
    }

    /// How to handle it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable { .. } => ErrorClass::Retry,
            Self::Refused { status: 429 | 500..=599, .. } => ErrorClass::Retry,
            Self::Refused { .. } | Self::BadRenewal { .. } | Self::Wire(_) => ErrorClass::Reject,
            Self::Spool(err) => match err.class() {
                spool::ErrorClass::Retry => ErrorClass::Retry,
                spool::ErrorClass::Reject => ErrorClass::Reject,
                spool::ErrorClass::Fatal => ErrorClass::Fatal,
            },
            _ => ErrorClass::Fatal,
        }
    }
}
