//! The keys of the console, once: the help shows this table and the script reads it from the help.

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// As typed: one key, or two in sequence.
    pub(crate) keys: &'static str,
    /// What the script does.
    pub(crate) action: &'static str,
    /// The path that a `go` leads to; empty for other actions.
    pub(crate) path: &'static str,
    /// The key of the text that says so.
    pub(crate) label: &'static str,
}

impl Key {
    /// The single keys, for the help.
    pub(crate) fn strokes(&self) -> impl Iterator<Item = &'static str> {
        self.keys.split(' ')
    }
}

/// Every key.
pub(crate) const KEYS: &[Key] = &[
    Key { keys: "j", action: "next", path: "", label: "keys-next" },
    Key { keys: "k", action: "previous", path: "", label: "keys-previous" },
    Key { keys: "Enter", action: "open", path: "", label: "keys-open" },
    Key { keys: "/", action: "search", path: "", label: "keys-search" },
    Key { keys: "g t", action: "go", path: "/", label: "keys-go-today" },
    Key { keys: "g a", action: "go", path: "/alerts", label: "keys-go-alerts" },
    Key { keys: "g s", action: "go", path: "/search", label: "keys-go-search" },
    Key { keys: "g u", action: "go", path: "/rules", label: "keys-go-rules" },
    Key { keys: "g d", action: "go", path: "/devices", label: "keys-go-devices" },
    Key { keys: "g w", action: "go", path: "/software", label: "keys-go-software" },
    Key { keys: "g r", action: "go", path: "/desk", label: "keys-go-desk" },
    Key { keys: "g p", action: "go", path: "/people", label: "keys-go-people" },
    Key { keys: "g c", action: "go", path: "/catalogue", label: "keys-go-catalogue" },
    Key { keys: "g q", action: "go", path: "/requests", label: "keys-go-requests" },
    Key { keys: "g m", action: "go", path: "/pc", label: "keys-go-my-pc" },
    Key { keys: "?", action: "help", path: "", label: "keys-help" },
    Key { keys: "Escape", action: "leave", path: "", label: "keys-leave" },
];
