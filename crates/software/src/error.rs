//! What can be wrong with what somebody gave us.

/// Every case is the giver's to repair; trying again with the same text gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SoftwareError {
    /// A title's id has other characters than it may.
    #[error("title id {0:?} is not 1 to 64 characters of a-z, 0-9, dot, hyphen; choose another")]
    BadTitleId(String),
    /// An identifier is not `kind:value`.
    #[error(
        "identifier {0:?} is not of the form kind:value; the kinds are deb, rpm, chrome-extension and so on"
    )]
    BadIdentifier(String),
    /// A name of CPE.
    #[error("CPE name is refused: {reason} (at {place:?}); see NISTIR 7695")]
    BadCpe {
        /// What is wrong.
        reason: &'static str,
        /// The attribute or the text where it is wrong.
        place: String,
    },
    /// A range of versions.
    #[error(
        "version range {0:?} is not understood; write for example \">=1.2, <2\" or \"1.2 || 1.4\""
    )]
    BadRange(String),
    /// An unknown version scheme.
    #[error(
        "version scheme {0:?} is unknown; choose one of dotted, semver, debian, rpm, date, letter, browser"
    )]
    BadScheme(String),
    /// An address without a host.
    #[error("{0:?} is no address with a host; write for example https://example.com/file")]
    BadUrl(String),
    /// A list of titles.
    #[error("the list of titles is refused: {0}")]
    BadTitles(String),
    /// A sheet as a whole; single rows that cannot be read are no error, they are listed.
    #[error("the sheet is refused: {0}")]
    BadSheet(&'static str),
    /// Larger than its limit.
    #[error("{what} has {size}, more than the {limit} that are read; divide it")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
}
