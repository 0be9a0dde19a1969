//! What loading says to authors: documents that were refused, and remarks on those that were not.

use crate::cause::{LintCause, Spoken as _};
use crate::error::RuleError;
use crate::sentence::Sentence;
use std::fmt;

/// A document that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The source's name.
    pub source: String,
    /// The rule's title, as far as it could be read.
    pub title: Option<String>,
    /// The line within the source, counted from 1.
    pub line: Option<usize>,
    /// What is wrong, in English.
    pub reason: String,
    /// What the author can do, in English.
    pub remedy: String,
    /// The same as a value, which speaks both languages.
    pub cause: RuleError,
}

impl Refused {
    pub(crate) fn new(
        source: &str,
        title: Option<String>,
        line: Option<usize>,
        cause: RuleError,
    ) -> Self {
        let (reason, remedy) = (cause.to_string(), cause.remedy());
        Self { source: source.to_owned(), title, line, reason, remedy, cause }
    }

    /// Source, line, title, cause and remedy on one line, in both languages.
    #[must_use]
    pub fn sentence(&self) -> Sentence {
        let (reason, remedy) = (self.cause.words(), self.cause.remedy_words());
        let place = place(&self.source, self.line, self.title.as_deref());
        Sentence {
            ja: format!("{place}: {}。対処: {}", reason.ja, remedy.ja),
            en: format!("{place}: {}; {}", reason.en, remedy.en),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence().en)
    }
}

/// A remark on a loaded rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The source's name.
    pub source: String,
    /// The rule's title.
    pub title: String,
    /// The line within the source, counted from 1.
    pub line: usize,
    /// The remark, in English.
    pub message: String,
    /// The same as a value.
    pub cause: LintCause,
}

impl Lint {
    pub(crate) fn new(source: &str, title: &str, line: usize, cause: LintCause) -> Self {
        let (source, title) = (source.to_owned(), title.to_owned());
        Self { source, title, line, message: cause.to_string(), cause }
    }

    /// The remark in both languages.
    #[must_use]
    pub fn words(&self) -> Sentence {
        self.cause.sentence()
    }

    /// Source, line, title and remark on one line, in both languages.
    #[must_use]
    pub fn sentence(&self) -> Sentence {
        let place = place(&self.source, Some(self.line), Some(&self.title));
        let Sentence { ja, en } = self.words();
        Sentence { ja: format!("{place}: {ja}"), en: format!("{place}: {en}") }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence().en)
    }
}

fn place(source: &str, line: Option<usize>, title: Option<&str>) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let title = title.map(|title| format!(": {title}")).unwrap_or_default();
    format!("{source}{line}{title}")
}
