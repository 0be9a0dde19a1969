//! What a correlation found, in sentences.

use super::{Sentence, VALUES_NAMED_MAX, bound_words, joined_en, labelled, quotable};
use crate::yaml::{self, Node};
use model::{Family, Why};

/// Words for what a correlation found; those of its condition, then the rules that took part.
pub(super) fn of_correlation(rule_text: &str, why: &[Why]) -> Vec<Sentence> {
    let document = yaml::documents(rule_text).into_iter().next();
    let root = document.and_then(|document| yaml::parse(document).ok());
    let node = root.as_ref().and_then(|root| root.get("correlation"));
    let text = |key: &str| node.and_then(|node| node.get(key)).and_then(Node::text);
    let span = text("timespan").map(duration).unwrap_or_else(|| duration("0s"));
    let group: Vec<(String, String)> = why
        .iter()
        .filter(|why| why.selection == "group-by")
        .map(|why| {
            let (ja, en) = labelled(Family::Other, why.field.as_deref().unwrap_or_default());
            let value = quotable(&why.pattern);
            (format!("{ja}が「{value}」"), format!("{en} “{value}”"))
        })
        .collect();
    let (of_ja, of_en) = match group.is_empty() {
        true => ("全体で".to_owned(), String::new()),
        false => {
            let ja: Vec<&str> = group.iter().map(|(ja, _)| ja.as_str()).collect();
            let en: Vec<String> = group.iter().map(|(_, en)| en.clone()).collect();
            (format!("{}のイベントで", ja.join("、")), format!(" with {}", joined_en(&en)))
        }
    };
    let conditions: Vec<&Why> = why.iter().filter(|why| why.selection == "condition").collect();
    let mut sentences = Vec::new();
    if let Some(first) = conditions.first() {
        let bounds: Vec<(String, String)> = conditions
            .iter()
            .filter(|why| !why.modifier.is_empty())
            .map(|why| bound_words(&why.modifier, &why.pattern))
            .collect();
        let (found_ja, found_en) = found_words(first, node);
        let mut ja = format!("{}以内に、{of_ja}{found_ja}", span.ja);
        ja = ja.replace("のイベントでイベントが", "のイベントが");
        let mut en = format!("Within {}, {found_en}{of_en}", span.en);
        if !bounds.is_empty() {
            let words: Vec<&str> = bounds.iter().map(|(ja, _)| ja.as_str()).collect();
            ja.push_str(&format!("（条件：{}）", words.join("、")));
            let words: Vec<&str> = bounds.iter().map(|(_, en)| en.as_str()).collect();
            en.push_str(&format!(" (condition: {})", words.join(", ")));
        }
        sentences.push(Sentence::new(ja, en));
    }
    let mut titles: Vec<&str> = Vec::new();
    for title in why.iter().filter(|why| why.selection == "event").map(|why| why.pattern.as_str()) {
        if !titles.contains(&title) && titles.len() < VALUES_NAMED_MAX {
            titles.push(title);
        }
    }
    if !titles.is_empty() {
        let ja: Vec<String> = titles.iter().map(|it| format!("「{}」", quotable(it))).collect();
        let en: Vec<String> = titles.iter().map(|it| format!("“{}”", quotable(it))).collect();
        sentences.push(Sentence::new(
            format!("もとになったルール：{}", ja.join("、")),
            format!("Rules that took part: {}", en.join(", ")),
        ));
    }
    sentences
}

/// What the kind of the correlation found.
fn found_words(why: &Why, node: Option<&Node>) -> (String, String) {
    let number = why.value.clone().unwrap_or_default();
    let condition = node.and_then(|node| node.get("condition"));
    let field = condition.and_then(|it| it.get("field")).map(|it| {
        let names: Vec<&str> = it.items().iter().filter_map(Node::text).collect();
        labelled(Family::Other, &names.join(", "))
    });
    let (field_ja, field_en) = field.unwrap_or_default();
    let written = condition.and_then(Node::text).map(quotable);
    match why.field.as_deref().unwrap_or_default() {
        "event_count" => {
            (format!("イベントが{number}件ありました"), format!("there were {number} events"))
        }
        "value_count" => (
            format!("{field_ja}の異なる値が{number}種類ありました"),
            format!("{number} different values of {field_en} were seen"),
        ),
        "value_sum" => (
            format!("{field_ja}の合計が{number}になりました"),
            format!("the sum of {field_en} was {number}"),
        ),
        "value_avg" => (
            format!("{field_ja}の平均が{number}になりました"),
            format!("the average of {field_en} was {number}"),
        ),
        "value_percentile" => {
            let percent = condition.and_then(|it| it.get("percentile")).and_then(Node::text);
            match percent {
                Some(percent) => (
                    format!("{field_ja}の{percent}パーセンタイルが{number}になりました"),
                    format!("percentile {percent} of {field_en} was {number}"),
                ),
                None => (
                    format!("{field_ja}の中央値が{number}になりました"),
                    format!("the median of {field_en} was {number}"),
                ),
            }
        }
        kind => temporal_words(why, kind == "temporal_ordered", written, &number),
    }
}

/// What a correlation of rules that come together found.
fn temporal_words(
    why: &Why,
    ordered: bool,
    written: Option<String>,
    number: &str,
) -> (String, String) {
    if why.pattern.contains("not what the condition denies") {
        let written = written.unwrap_or_default();
        let order = if ordered { ("この順に、", " in this order") } else { ("", "") };
        return (
            format!("{}条件「{written}」で起きてはならないことは起きず、残りが起きました", order.0),
            format!(
                "what the condition “{written}” asks for happened{}, and what it denies did not",
                order.1
            ),
        );
    }
    match (written, why.modifier.is_empty(), ordered) {
        (Some(written), ..) => (
            format!("条件「{written}」のとおりにルールが成立しました"),
            format!("rules matched as the condition “{written}” asks"),
        ),
        (None, false, _) => (
            format!("{number}種類のルールが成立しました"),
            format!("{number} different rules matched"),
        ),
        (None, true, true) => (
            "すべてのルールがこの順に成立しました".to_owned(),
            "all rules matched in this order".to_owned(),
        ),
        (None, true, false) => {
            ("すべてのルールが成立しました".to_owned(), "all rules matched".to_owned())
        }
    }
}

/// `10m` in words.
fn duration(text: &str) -> Sentence {
    let unit = text.chars().last().unwrap_or_default();
    let number = text.trim_end_matches(unit);
    let plural = if number == "1" { "" } else { "s" };
    let (ja, en) = match unit {
        's' => ("秒", "second"),
        'm' => ("分", "minute"),
        'h' => ("時間", "hour"),
        'd' => ("日", "day"),
        _ => return Sentence::new(quotable(text), quotable(text)),
    };
    Sentence::new(format!("{number}{ja}"), format!("{number} {en}{plural}"))
}

pub(super) fn is_correlation(rule_text: &str) -> bool {
    rule_text.lines().any(|line| line.starts_with("correlation:"))
}
