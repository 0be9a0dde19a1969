//! Why a rule matched, or did not, as sentences for people, in Japanese and English.
//!
//! A sentence is made of what the rule asks (field, modifiers, value) and of whether it holds; it says nothing that
//! the rule does not. The event's value is not in it: whoever shows the sentence shows the value beside it, in full.
//!
//! Invariant: every modifier has words of its own in both languages; a test goes through all of them.

mod correlation;

use correlation::{is_correlation, of_correlation};
use model::registry::by_sigma;
use model::{Alert, Family};

/// The same sentence in both languages, without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// For a Japanese reader.
    pub ja: String,
    /// For an English reader.
    pub en: String,
}

impl Sentence {
    fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }
}

/// Why an alert is one: a sentence for each field that it names, or for the condition of a correlation.
#[must_use]
pub fn of_alert(alert: &Alert) -> Vec<Sentence> {
    if alert.why.iter().any(|why| why.selection == "condition" && is_correlation(&alert.rule_text))
    {
        return of_correlation(&alert.rule_text, &alert.why);
    }
    let family = alert.kind.family();
    let mut sentences: Vec<Sentence> = Vec::new();
    for group in alert.why.chunk_by(|one, next| {
        (&one.selection, &one.field, &one.modifier)
            == (&next.selection, &next.field, &next.modifier)
            && one.value.is_some() == next.value.is_some()
    }) {
        let Some(first) = group.first() else { continue };
        let patterns: Vec<&str> = group.iter().map(|why| why.pattern.as_str()).collect();
        let asked = Asked {
            family,
            field: first.field.as_deref(),
            chain: &first.modifier,
            patterns: &patterns,
            missing: first.value.is_none(),
        };
        let sentence = asked.sentence(true);
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// What one value of a rule asks of a field and whether that holds. `missing`: the event has no such field.
#[must_use]
pub fn of_leaf(
    family: Family,
    field: Option<&str>,
    modifier: &str,
    pattern: &str,
    missing: bool,
    held: bool,
) -> Sentence {
    Asked { family, field, chain: modifier, patterns: &[pattern], missing }.sentence(held)
}

/// What is asked of one field.
struct Asked<'a> {
    family: Family,
    field: Option<&'a str>,
    chain: &'a str,
    patterns: &'a [&'a str],
    missing: bool,
}

impl Asked<'_> {
    fn has(&self, word: &str) -> bool {
        self.chain.split('|').any(|known| known == word)
    }

    fn first(&self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.has(word))
    }

    fn sentence(&self, held: bool) -> Sentence {
        // The leaves of `neq` hold when the field differs.
        let yes = held != self.has("neq");
        let (ja, en) = self.subject();
        let is_null = self.chain.is_empty() && self.patterns == ["null"] && (self.missing || !held);
        if is_null {
            return match yes {
                true => {
                    Sentence::new(format!("{ja}の値がありません"), format!("{en} has no value"))
                }
                false => Sentence::new(format!("{ja}に値があります"), format!("{en} has a value")),
            };
        }
        if self.has("exists") {
            let exists = (self.patterns.first().copied() != Some("false")) == yes;
            return match exists {
                true => {
                    Sentence::new(format!("{ja}の項目があります"), format!("There is a field {en}"))
                }
                false => Sentence::new(
                    format!("{ja}の項目がありません"),
                    format!("There is no field {en}"),
                ),
            };
        }
        if self.missing && self.field.is_some() {
            return Sentence::new(format!("{ja}の値がありません"), format!("{en} has no value"));
        }
        let Sentence { ja: mut ja_words, en: mut en_words } = self.predicate(&ja, &en, yes);
        if self.has("cased") {
            ja_words.push_str("（大文字・小文字を区別）");
            en_words.push_str(" (case-sensitive)");
        }
        if self.has("windash") {
            ja_words.push_str("（ハイフンの種類は問いません）");
            en_words.push_str(" (with any kind of dash)");
        }
        Sentence::new(ja_words, en_words)
    }

    /// The field with its label: `コマンドライン（CommandLine）`, `Command line (CommandLine)`.
    fn subject(&self) -> (String, String) {
        let Some(field) = self.field else {
            return ("いずれかの項目".to_owned(), "Some field".to_owned());
        };
        labelled(self.family, field)
    }

    fn predicate(&self, ja: &str, en: &str, yes: bool) -> Sentence {
        let (value_ja, value_en) = self.values();
        let part = self.first(&["minute", "hour", "day", "week", "month", "year"]);
        let (ja, en) = match part {
            Some(part) => {
                let (part_ja, part_en) = part_words(part);
                (format!("{ja}の{part_ja}"), format!("The {part_en} of {en}"))
            }
            None => (ja.to_owned(), en.to_owned()),
        };
        if self.has("fieldref") {
            return self.reference(&ja, &en, yes);
        }
        if self.has("re") {
            let note = self.regex_note();
            return match yes {
                true => Sentence::new(
                    format!("{ja}が正規表現{value_ja}に一致します{}", note.ja),
                    format!("{en} fits the regular expression {value_en}{}", note.en),
                ),
                false => Sentence::new(
                    format!("{ja}は正規表現{value_ja}に一致しません{}", note.ja),
                    format!("{en} does not fit the regular expression {value_en}{}", note.en),
                ),
            };
        }
        if self.has("cidr") {
            return match yes {
                true => Sentence::new(
                    format!("{ja}はネットワーク{value_ja}の中のアドレスです"),
                    format!("{en} is an address of the network {value_en}"),
                ),
                false => Sentence::new(
                    format!("{ja}はネットワーク{value_ja}の中のアドレスではありません"),
                    format!("{en} is no address of the network {value_en}"),
                ),
            };
        }
        if let Some(order) = self.first(&["lt", "lte", "gt", "gte"]) {
            return self.comparison(&ja, &en, order, yes);
        }
        self.text(&ja, &en, &value_ja, &value_en, yes)
    }

    fn text(&self, ja: &str, en: &str, value_ja: &str, value_en: &str, yes: bool) -> Sentence {
        let place = match self.field {
            // Keywords are searched within every value.
            None => Some("contains"),
            Some(_) => self.first(&["contains", "startswith", "endswith"]),
        };
        let wild = self.patterns.iter().any(|pattern| pattern.contains(['*', '?']));
        let (ja_yes, ja_no, en_yes, en_no) = match place {
            Some("contains") => {
                ("に{}が含まれています", "に{}は含まれていません", "contains", "does not contain")
            }
            Some("startswith") => {
                ("が{}で始まります", "は{}で始まりません", "begins with", "does not begin with")
            }
            Some(_) => ("が{}で終わります", "は{}で終わりません", "ends with", "does not end with"),
            None if wild => (
                "が{}の形をしています",
                "は{}の形をしていません",
                "has the form",
                "does not have the form",
            ),
            None => ("が{}です", "は{}ではありません", "is", "is not"),
        };
        // "No field contains" is what the denial of "some field contains" means.
        let (en, en_no) = match (self.field, yes) {
            (None, false) => ("No field", "contains"),
            _ => (en, en_no),
        };
        match yes {
            true => Sentence::new(
                format!("{ja}{}", ja_yes.replace("{}", value_ja)),
                format!("{en} {en_yes} {value_en}"),
            ),
            false => Sentence::new(
                format!("{ja}{}", ja_no.replace("{}", value_ja))
                    .replace("いずれかの項目に", "どの項目にも"),
                format!("{en} {en_no} {value_en}"),
            ),
        }
    }

    fn reference(&self, ja: &str, en: &str, yes: bool) -> Sentence {
        let other = self.patterns.first().copied().unwrap_or_default();
        let (other_ja, other_en) = labelled(self.family, other);
        let (ja_yes, ja_no, en_yes, en_no) =
            match self.first(&["contains", "startswith", "endswith"]) {
                Some("contains") => (
                    "に{}の値が含まれています",
                    "に{}の値は含まれていません",
                    "contains the value of",
                    "does not contain the value of",
                ),
                Some("startswith") => (
                    "が{}の値で始まります",
                    "は{}の値で始まりません",
                    "begins with the value of",
                    "does not begin with the value of",
                ),
                Some(_) => (
                    "が{}の値で終わります",
                    "は{}の値で終わりません",
                    "ends with the value of",
                    "does not end with the value of",
                ),
                None => (
                    "が{}の値と同じです",
                    "は{}の値と異なります",
                    "is the same as",
                    "is not the same as",
                ),
            };
        let (ja_words, en_words) = if yes { (ja_yes, en_yes) } else { (ja_no, en_no) };
        Sentence::new(
            format!("{ja}{}", ja_words.replace("{}", &other_ja)),
            format!("{en} {en_words} {other_en}"),
        )
    }

    fn comparison(&self, ja: &str, en: &str, order: &str, yes: bool) -> Sentence {
        let bound = self.patterns.first().copied().unwrap_or_default();
        let order = match (order, yes) {
            ("lt", true) | ("gte", false) => "lt",
            ("lte", true) | ("gt", false) => "lte",
            ("gt", true) | ("lte", false) => "gt",
            _ => "gte",
        };
        let (bound_ja, bound_en) = bound_words(order, bound);
        Sentence::new(format!("{ja}が{bound_ja}です"), format!("{en} is {bound_en}"))
    }

    fn regex_note(&self) -> Sentence {
        let flags = [
            (&["i", "ignorecase"][..], "大文字・小文字を区別しない", "ignoring case"),
            (&["m", "multiline"], "行ごと", "line by line"),
            (&["s", "dotall"], "改行も1文字とみなす", "with line breaks as any character"),
        ];
        let set: Vec<_> =
            flags.iter().filter(|(names, ..)| names.iter().any(|name| self.has(name))).collect();
        if set.is_empty() {
            return Sentence::new("", "");
        }
        let ja: Vec<&str> = set.iter().map(|(_, ja, _)| *ja).collect();
        let en: Vec<&str> = set.iter().map(|(.., en)| *en).collect();
        Sentence::new(format!("（{}）", ja.join("、")), format!(" ({})", en.join(", ")))
    }

    /// The values in quotes, with what they are made into before they are looked for.
    fn values(&self) -> (String, String) {
        let shown: Vec<String> =
            self.patterns.iter().take(VALUES_NAMED_MAX).map(|value| quotable(value)).collect();
        let rest = self.patterns.len().saturating_sub(VALUES_NAMED_MAX);
        let placeholder = self.has("expand") && self.patterns.iter().any(|it| it.contains('%'));
        let quoted = |open: &str, close: &str| -> Vec<String> {
            shown.iter().map(|value| format!("{open}{value}{close}")).collect()
        };
        let mut ja = quoted("「", "」").join(if rest == 0 { "と" } else { "、" });
        let mut en = joined_en(&quoted("“", "”"));
        if rest > 0 {
            ja.push_str(&format!("など{}個", self.patterns.len()));
            en.push_str(&format!(" and {rest} more"));
        }
        if placeholder {
            ja = format!("一覧{ja}のいずれか");
            en = format!("one of the list {en}");
        }
        let forms = [
            (&["utf16le", "wide"][..], "UTF-16（LE）"),
            (&["utf16be"], "UTF-16（BE）"),
            (&["utf16"], "UTF-16"),
            (&["base64", "base64offset"], "Base64"),
        ];
        for (names, form) in forms {
            if names.iter().any(|name| self.has(name)) {
                ja = format!("{ja}の{form}表現");
                let form = form.replace('（', " (").replace('）', ")");
                en = format!("the {form} form of {en}");
            }
        }
        (ja, en)
    }
}

/// A field with its label of the registry, in Japanese and English; its name alone when it has none.
fn labelled(family: Family, field: &str) -> (String, String) {
    let known = by_sigma(family, field)
        .or_else(|| Family::ALL.into_iter().find_map(|family| by_sigma(family, field)));
    match known {
        None => (quotable(field), quotable(field)),
        Some(spec) => {
            let en = match spec.label_en.replace(' ', "").eq_ignore_ascii_case(field) {
                true => spec.label_en.to_owned(),
                false => format!("{} ({field})", spec.label_en),
            };
            (format!("{}（{field}）", spec.label_ja), en)
        }
    }
}

fn part_words(part: &str) -> (&'static str, &'static str) {
    match part {
        "minute" => ("分", "minute"),
        "hour" => ("時", "hour"),
        "day" => ("日", "day"),
        "week" => ("週", "week"),
        "month" => ("月", "month"),
        _ => ("年", "year"),
    }
}

fn bound_words(operator: &str, bound: &str) -> (String, String) {
    let bound = quotable(bound);
    match operator {
        "lt" => (format!("{bound}未満"), format!("less than {bound}")),
        "lte" => (format!("{bound}以下"), format!("at most {bound}")),
        "gt" => (format!("{bound}より大"), format!("more than {bound}")),
        "gte" => (format!("{bound}以上"), format!("at least {bound}")),
        "neq" => (format!("{bound}以外"), format!("other than {bound}")),
        _ => (format!("ちょうど{bound}"), format!("exactly {bound}")),
    }
}

/// A value short enough for a sentence.
fn quotable(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        None => value.to_owned(),
        Some((at, _)) => format!("{}…", value.get(..at).unwrap_or_default()),
    }
}

fn joined_en(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Values that a sentence names; the rest is counted.
const VALUES_NAMED_MAX: usize = 5;
/// Characters of a value in a sentence; the value in full stands beside it.
const VALUE_CHARS_MAX: usize = 160;
