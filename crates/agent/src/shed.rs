//! What is given up when there is no room: file changes first, then connections, processes never.

use crate::limits::{SHED_FILE_PERCENT, SHED_NETWORK_PERCENT};
use model::Class;
use spool::Usage;

/// How much is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Pressure {
    /// Nothing.
    #[default]
    None,
    /// File changes.
    File,
    /// File changes and connections.
    Network,
}

impl Pressure {
    /// By how full the spool is.
    #[must_use]
    pub fn of_usage(usage: Usage) -> Self {
        let percent = usage.used_bytes.saturating_mul(100) / usage.quota_bytes.max(1);
        match percent {
            SHED_NETWORK_PERCENT.. => Self::Network,
            SHED_FILE_PERCENT.. => Self::File,
            _ => Self::None,
        }
    }

    /// The next step, after the spool refused; `None` when only processes are left: they wait in the
    /// kernel's ring, whose losses the kernel counts.
    #[must_use]
    pub const fn more(self) -> Option<Self> {
        match self {
            Self::None => Some(Self::File),
            Self::File => Some(Self::Network),
            Self::Network => None,
        }
    }

    /// Whether an observation of the class is given up.
    #[must_use]
    pub fn sheds(self, class: Class) -> bool {
        match class {
            Class::File => self >= Self::File,
            Class::Network => self >= Self::Network,
            Class::Process => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_the_lowest_class_goes_first_and_processes_stay() {
        let shed_at = |used_bytes| {
            let pressure = Pressure::of_usage(Usage { used_bytes, quota_bytes: 1_000 });
            Class::ALL.into_iter().filter(|class| pressure.sheds(*class)).collect::<Vec<_>>()
        };
        assert_eq!(shed_at(849), []);
        assert_eq!(shed_at(850), [Class::File]);
        assert_eq!(shed_at(950), [Class::Network, Class::File]);
        assert_eq!(shed_at(2_000), [Class::Network, Class::File]);
        assert_eq!(Pressure::Network.more(), None);
    }
}
