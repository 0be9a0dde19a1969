//! The promises of the product, written once. Tests that defend one carry its number in their name.

/// A numbered promise; the sentence is [`Promise::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// See [`Promise::text`].
    P1,
    /// See [`Promise::text`].
    P2,
    /// See [`Promise::text`].
    P3,
    /// See [`Promise::text`].
    P4,
    /// See [`Promise::text`].
    P5,
    /// See [`Promise::text`].
    P6,
    /// See [`Promise::text`].
    P7,
    /// See [`Promise::text`].
    P8,
    /// See [`Promise::text`].
    P9,
}

impl Promise {
    /// Every promise.
    pub const ALL: [Self; 9] =
        [Self::P1, Self::P2, Self::P3, Self::P4, Self::P5, Self::P6, Self::P7, Self::P8, Self::P9];

    /// The promise as a sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::P1 => {
                "An event that the spool accepted survives process kill and power loss; before that it is lost only in a counted way."
            }
            Self::P2 => "An acknowledgement means durable at the receiver.",
            Self::P3 => "Every gap is visible with count, reason and interval.",
            Self::P4 => "At least once on the wire, exactly once in the lake.",
            Self::P5 => "The order within an agent's stream is kept.",
            Self::P6 => "The agent never blocks a user's work and keeps its ceilings.",
            Self::P7 => {
                "Without a server, agents keep at least seven days, quota permitting, then shed the lowest class first."
            }
            Self::P8 => {
                "Any component can be upgraded or rolled back one version while the others stay."
            }
            Self::P9 => "One bad event, rule, file or outside answer stops only itself.",
        }
    }
}
