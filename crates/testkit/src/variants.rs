//! Rule sets larger than the public ones: rules that have the shape of real rules and look for other texts.

/// A rule like `text`, with other words in its values and an id of its own.
///
/// Program names and event ids stay where the rule asks for something beside them, as in the rules of a large
/// collection: many about the same program, each with other arguments. Regular expressions, networks and
/// encoded values stay as they are.
#[must_use]
pub fn of(text: &str, number: usize) -> String {
    let keeps_programs = keys(text).any(|key| !is_about_programs(key) && !is_fixed(key));
    let (mut section, mut key) = ("", "");
    let mut lines = Vec::new();
    for line in text.lines() {
        if !line.starts_with([' ', '#', '-']) {
            section = line.split(':').next().unwrap_or_default();
        }
        if section != "detection" {
            lines.push(match section {
                "id" if line.starts_with("id:") => format!("id: variant-{number}"),
                "name" if line.starts_with("name:") => format!("name: variant_{number}"),
                _ => line.to_owned(),
            });
            continue;
        }
        key = key_of(line).unwrap_or(key);
        let fixed = is_fixed(key) || keeps_programs && is_about_programs(key);
        lines.push(if fixed { line.to_owned() } else { with_other_words(line, number) });
    }
    lines.join("\n") + "\n"
}

fn keys(text: &str) -> impl Iterator<Item = &str> {
    let detection = text.lines().skip_while(|line| !line.starts_with("detection:")).skip(1);
    detection.take_while(|line| line.starts_with([' ', '#', '-'])).filter_map(key_of)
}

/// The key of a line, when it has one beyond the name of a selection.
fn key_of(line: &str) -> Option<&str> {
    let plain = line.trim_start().trim_start_matches("- ");
    let (key, _) = plain.split_once(':')?;
    let is_name = |letter: char| letter.is_alphanumeric() || "_-|.".contains(letter);
    (!key.is_empty() && key.chars().all(is_name)).then_some(key)
}

fn is_about_programs(key: &str) -> bool {
    let field = key.split('|').next().unwrap_or_default();
    ["Image", "ParentImage", "OriginalFileName", "SourceImage", "TargetImage"].contains(&field)
        || field.starts_with(|letter: char| letter.is_lowercase())
}

fn is_fixed(key: &str) -> bool {
    let field = key.split('|').next().unwrap_or_default();
    ["condition", "EventID", "Provider_Name", "Channel", "EventType", "type"].contains(&field)
        || ["|re", "|cidr", "|base64", "|expand", "|exists", "|fieldref"]
            .iter()
            .any(|one| key.contains(one))
}

/// Changes one letter of every word of five letters or more behind the key.
fn with_other_words(line: &str, number: usize) -> String {
    let begin = key_of(line).and_then(|key| line.find(key).map(|at| at + key.len())).unwrap_or(0);
    let (head, values) = line.split_at(begin);
    let mut out = head.to_owned();
    let mut word = String::new();
    for letter in values.chars().chain([' ']) {
        if letter.is_ascii_alphabetic() {
            word.push(letter);
            continue;
        }
        let changed = word.len() / 2;
        out.extend(word.chars().enumerate().map(|(place, letter)| {
            if word.len() < 5 || place != changed { letter } else { shifted(letter, number) }
        }));
        word.clear();
        out.push(letter);
    }
    out.pop();
    out
}

fn shifted(letter: char, number: usize) -> char {
    let first = if letter.is_ascii_uppercase() { b'A' } else { b'a' };
    let place = u32::from(letter).saturating_sub(u32::from(first));
    let step = u32::try_from(1 + number % 24).unwrap_or(1);
    char::from(first + u8::try_from((place + step) % 26).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: T\nid: a\ndetection:\n    selection:\n        Image|endswith: '\\powershell.exe'\n        CommandLine|contains:\n            - 'DownloadString'\n            - ' -e '\n    filter:\n        CommandLine|re: 'abcdef'\n    condition: selection and not filter\nlevel: high\n";

    #[test]
    fn a_variant_asks_for_the_same_program_with_other_arguments() {
        let variant = of(RULE, 1);
        assert!(variant.contains("id: variant-1\n"));
        assert!(variant.contains("Image|endswith: '\\powershell.exe'\n"));
        assert!(variant.contains("- ' -e '\n"));
        assert!(variant.contains("condition: selection and not filter\n"));
        assert!(variant.contains("'abcdef'"));
        assert!(!variant.contains("DownloadString"));
        assert_ne!(of(RULE, 2), variant);
    }

    #[test]
    fn a_rule_about_programs_alone_asks_for_other_programs() {
        let rule = "id: a\ndetection:\n    selection:\n        Image|endswith: '\\rubeus.exe'\n    condition: selection\n";
        assert!(!of(rule, 1).contains("rubeus"));
    }
}
