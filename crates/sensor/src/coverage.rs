//! What is recorded and what is not, in words that a person can act on.

use model::Class;
use std::fmt;

/// A sentence in both languages of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Said {
    /// A sentence in both languages.
    pub fn new(en: impl Into<String>, ja: impl Into<String>) -> Self {
        Self { en: en.into(), ja: ja.into() }
    }
}

/// What is recorded of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassCoverage {
    /// The class.
    pub class: Class,
    /// Whether events of the class are recorded at all.
    pub recorded: bool,
    /// How it is recorded, when it is.
    pub by: Vec<Said>,
    /// What of it is not recorded, why, and what would help.
    pub gaps: Vec<Said>,
}

/// What is recorded, class by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// One entry for each class, in the order of [`Class::ALL`].
    pub classes: Vec<ClassCoverage>,
}

impl Coverage {
    /// Nothing is recorded yet, and nothing is known to be missing.
    pub(crate) fn empty() -> Self {
        let class =
            |class| ClassCoverage { class, recorded: false, by: Vec::new(), gaps: Vec::new() };
        Self { classes: Class::ALL.into_iter().map(class).collect() }
    }

    /// The entry of a class.
    ///
    /// # Panics
    /// Never: every class has an entry.
    #[must_use]
    pub fn of(&self, class: Class) -> &ClassCoverage {
        self.classes
            .iter()
            .find(|entry| entry.class == class)
            .expect("invariant: every class has an entry")
    }

    /// Says how a class is recorded.
    pub(crate) fn records(&mut self, class: Class, by: Said) {
        for entry in self.classes.iter_mut().filter(|entry| entry.class == class) {
            entry.recorded = true;
            entry.by.push(by.clone());
        }
    }

    /// Says what of a class is not recorded.
    pub(crate) fn lacks(&mut self, class: Class, gap: Said) {
        for entry in self.classes.iter_mut().filter(|entry| entry.class == class) {
            entry.gaps.push(gap.clone());
        }
    }

    /// Whether every class is recorded.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.classes.iter().all(|entry| entry.recorded)
    }

    /// What is not recorded as one English text for the `NotRecorded` field of `AgentStart`; `None` when
    /// nothing is known to be missing.
    #[must_use]
    pub fn not_recorded(&self) -> Option<String> {
        let gaps: Vec<String> = self
            .classes
            .iter()
            .flat_map(|entry| {
                entry.gaps.iter().map(|gap| format!("{}: {}", entry.class.name(), gap.en))
            })
            .collect();
        if gaps.is_empty() { None } else { Some(gaps.join("; ")) }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.classes {
            let state = if entry.recorded { "recorded" } else { "NOT recorded" };
            writeln!(f, "{}: {state}", entry.class.name())?;
            for said in &entry.by {
                writeln!(f, "  {}", said.en)?;
            }
            for said in &entry.gaps {
                writeln!(f, "  not recorded: {}", said.en)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_its_class() {
        let mut coverage = Coverage::empty();
        assert!(!coverage.is_complete());
        coverage.records(Class::File, Said::new("fanotify", "fanotify"));
        coverage.lacks(Class::Network, Said::new("needs root", "root 権限が必要です"));
        assert!(coverage.of(Class::File).recorded);
        assert_eq!(coverage.not_recorded().as_deref(), Some("network: needs root"));
    }
}
