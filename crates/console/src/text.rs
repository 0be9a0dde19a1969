//! The catalogues: every text that a person reads, in Japanese and English, one file per area.

use crate::language::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentValue};
use fluent_bundle::{FluentArgs, FluentResource};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

type Bundle = FluentBundle<FluentResource>;

macro_rules! catalogue {
    ($folder:literal: $($area:literal),* $(,)?) => {
        &[$(include_str!(concat!("../texts/", $folder, "/", $area, ".ftl")),)*]
    };
}

const JA: &[&str] = catalogue!("ja": "common", "words", "signin", "today", "alerts", "detections", "search", "devices", "errors", "catalogue",
        "requests", "pc", "desk", "software", "exclusions", "people", "rules", "rule_care");
const EN: &[&str] = catalogue!("en": "common", "words", "signin", "today", "alerts", "detections", "search", "devices", "errors", "catalogue",
        "requests", "pc", "desk", "software", "exclusions", "people", "rules", "rule_care");

static JA_BUNDLE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::Ja, JA));
static EN_BUNDLE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::En, EN));

/// An argument of a text. Texts from outside go through [`crate::show::visible`] before.
#[derive(Debug, Clone)]
pub(crate) enum Argument<'a> {
    /// A number; chooses the plural and is shown with thousands separated.
    Count(u64),
    /// A text.
    Text(&'a str),
}

/// A text of the catalogue. A missing one shows its key between `⟦ ⟧`: a test looks for these.
pub(crate) fn text(language: Language, key: &str, arguments: &[(&str, Argument<'_>)]) -> String {
    let bundle: &Bundle = match language {
        Language::Ja => &JA_BUNDLE,
        Language::En => &EN_BUNDLE,
    };
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        return format!("⟦{key}⟧");
    };
    let mut values = FluentArgs::with_capacity(arguments.len());
    for (name, argument) in arguments {
        let value = match argument {
            // Exact up to 2^53, which no counter of ours reaches.
            Argument::Count(number) => FluentValue::from(*number),
            Argument::Text(text) => FluentValue::from(*text),
        };
        values.set(*name, value);
    }
    let mut errors = Vec::new();
    let out = bundle.format_pattern(pattern, Some(&values), &mut errors);
    if errors.is_empty() { out.into_owned() } else { format!("⟦{key}: {out}⟧") }
}

fn bundle(language: Language, areas: &[&str]) -> Bundle {
    // Both tags parse; an unknown language would only fall back to the plural rules of none.
    let language: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Isolation marks are invisible characters; templates use `<bdi>` where direction could mix.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(|value, _| match value {
        FluentValue::Number(FluentNumber { value, .. })
            if *value >= 0.0 && value.fract() == 0.0 =>
        {
            // Checked to be whole and not negative just above; counts are far below 2^53.
            Some(crate::show::count(*value as u64))
        }
        _ => None,
    }));
    for area in areas {
        let resource = FluentResource::try_new((*area).to_owned());
        // A catalogue with an error still gives its sound messages; the tests refuse it.
        let resource = resource.unwrap_or_else(|(sound, _)| sound);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_catalogue_parses_and_no_key_is_there_twice() {
        for areas in [JA, EN] {
            let mut bundle: Bundle = FluentBundle::new_concurrent(vec![]);
            for area in areas {
                let resource = FluentResource::try_new((*area).to_owned());
                let resource = resource.map_err(|(_, errors)| errors).expect("parses");
                bundle.add_resource(resource).expect("no key twice");
            }
        }
    }

    #[test]
    fn numbers_are_grouped_and_choose_the_plural() {
        let events =
            |language, number| text(language, "count-events", &[("n", Argument::Count(number))]);
        assert_eq!(events(Language::En, 1), "1 event");
        assert_eq!(events(Language::En, 12_345), "12,345 events");
        assert_eq!(events(Language::Ja, 12_345), "12,345 件のイベント");
    }
}
