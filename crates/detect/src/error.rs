//! Why a rule cannot be evaluated exactly, and what its author can do.

use crate::limits;

/// Why a rule was refused. `Display` tells the cause, [`RuleError::remedy`] the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The text is not YAML, or uses a part of YAML that rules do not need.
    #[error("not readable as yaml: {reason}")]
    Yaml {
        /// The parser's words.
        reason: String,
    },
    /// The source or one of its parts exceeds a limit.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A required attribute is absent or empty.
    #[error("the attribute {attribute} is missing")]
    Missing {
        /// The attribute's path.
        attribute: &'static str,
    },
    /// An attribute holds something that Sigma does not define.
    #[error("{attribute} is {found}, expected {expected}")]
    BadAttribute {
        /// The attribute's path.
        attribute: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// A part of Sigma that this engine does not evaluate.
    #[error("{what} is not yet supported")]
    NotSupported {
        /// The part.
        what: String,
        /// The next step.
        remedy: &'static str,
    },
    /// The modifier chain of a field makes no sense.
    #[error("modifier chain {chain:?} of field {field:?}: {reason}")]
    BadModifier {
        /// The field; empty for keywords.
        field: String,
        /// The chain as written.
        chain: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value does not fit its modifiers.
    #[error("value {value:?} of field {field:?}: {reason}")]
    BadValue {
        /// The field; empty for keywords.
        field: String,
        /// The first characters of the value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The condition cannot be parsed.
    #[error("condition: {reason}")]
    BadCondition {
        /// What is wrong with it.
        reason: String,
    },
    /// A selection has no content.
    #[error("selection {selection:?}: {reason}")]
    BadSelection {
        /// The selection.
        selection: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A placeholder of the `expand` modifier has no values here.
    #[error("placeholder %{name}% has no values")]
    UnresolvedPlaceholder {
        /// The placeholder's name.
        name: String,
    },
    /// Another rule with this id is already loaded.
    #[error("rule id {id} is already loaded from {first}")]
    DuplicateId {
        /// The id.
        id: String,
        /// The source that came first.
        first: String,
    },
    /// A correlation refers to something that is not there, or to several things.
    #[error("{count} rules are called {name}")]
    BadReference {
        /// The id or name as written.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// Correlations refer to each other in a circle.
    #[error("correlations refer to each other in a circle: {path}")]
    Cycle {
        /// The titles along the circle.
        path: String,
    },
}

impl RuleError {
    /// What the author of the rule can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Yaml { .. } => {
                "correct the yaml; quote values that begin with a special character".to_owned()
            }
            Self::TooLarge { .. } => "split the rule into several smaller ones".to_owned(),
            Self::Missing { attribute } => format!("add {attribute} to the rule"),
            Self::BadAttribute { attribute, expected, .. } => {
                format!("write {expected} for {attribute}")
            }
            Self::NotSupported { remedy, .. } => (*remedy).to_owned(),
            Self::BadModifier { .. } => format!(
                "use the modifiers of Sigma 2.1 in an order that fits: {}",
                crate::modifier::KNOWN_NAMES
            ),
            Self::BadValue { .. } => "correct the value or its modifiers".to_owned(),
            Self::BadCondition { .. } => {
                "write names of selections joined by and, or, not, parentheses, 1 of or all of"
                    .to_owned()
            }
            Self::BadSelection { .. } => "fill the selection or remove it".to_owned(),
            Self::UnresolvedPlaceholder { name } => {
                format!("give a list of values for {name}, or write the values into the rule")
            }
            Self::DuplicateId { .. } => {
                "give the rule an id of its own, or load the folder only once".to_owned()
            }
            Self::BadReference { count: 0, .. } => {
                "load that rule as well; a refused rule cannot be referred to".to_owned()
            }
            Self::BadReference { .. } => "refer to the rule by its id".to_owned(),
            Self::Cycle { .. } => "let one of them refer to rules of events instead".to_owned(),
        }
    }

    pub(crate) const fn too_large(what: &'static str, limit: usize) -> Self {
        Self::TooLarge { what, limit }
    }

    pub(crate) fn value(field: &str, value: &str, reason: impl Into<String>) -> Self {
        Self::BadValue { field: shown(field), value: shown(value), reason: reason.into() }
    }
}

/// A cause and the line where it was found, counted from 1 within the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: Option<usize>,
    pub(crate) cause: RuleError,
}

impl RuleError {
    pub(crate) const fn at(self, line: usize) -> Fault {
        Fault { line: Some(line), cause: self }
    }
}

/// The beginning of a hostile text, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(limits::SHOWN_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
