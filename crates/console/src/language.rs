//! Which language a page speaks.

use crate::limits::ACCEPT_LANGUAGES_MAX;

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

impl Language {
    /// The tag in `lang` attributes and cookies.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a tag (`ja`, `en-GB`).
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.trim().to_ascii_lowercase().as_str() {
            "ja" => Some(Self::Ja),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The person's choice first, then the browser's wish, then Japanese.
    pub(crate) fn negotiate(cookie: Option<&str>, accept_language: Option<&str>) -> Self {
        cookie
            .and_then(Self::of_tag)
            .or_else(|| accept_language.and_then(Self::wished))
            .unwrap_or(Self::Ja)
    }

    fn wished(accept_language: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for entry in accept_language.split(',').take(ACCEPT_LANGUAGES_MAX) {
            let mut parts = entry.split(';');
            let Some(language) = parts.next().and_then(Self::of_tag) else { continue };
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |text| text.parse().unwrap_or(0.0));
            if weight > 0.0 && best.is_none_or(|(_, known)| weight > known) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, En, Ja};

    #[test]
    fn cookie_beats_browser_beats_default() {
        for (cookie, accept, expected) in [
            (None, None, Ja),
            (None, Some("fr,de"), Ja),
            (None, Some("en-GB,en;q=0.9"), En),
            (None, Some("en;q=0.4,ja;q=0.8"), Ja),
            (None, Some("en;q=0,fr"), Ja),
            (None, Some("en;q=nonsense,ja;q=0.1"), Ja),
            (Some("en"), Some("ja"), En),
            (Some("xx"), Some("en"), En),
            (Some("ja"), Some("en"), Ja),
        ] {
            assert_eq!(Language::negotiate(cookie, accept), expected, "{cookie:?} {accept:?}");
        }
    }
}
