//! "Did you mean …?"

/// Names offered at most.
const OFFERED_MAX: usize = 3;
/// Longer names are not compared: the cost grows with the square.
const NAME_CHARS_MAX: usize = 64;

/// The names nearest to a wrong one, as the end of a sentence; all of them when none is near and they are
/// few.
pub(super) fn nearest(wrong: &str, known: &[&str], what: &str) -> String {
    let wrong: Vec<char> = wrong.to_lowercase().chars().take(NAME_CHARS_MAX).collect();
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .map(|name| {
            let name_chars: Vec<char> = name.chars().take(NAME_CHARS_MAX).collect();
            (distance(&wrong, &name_chars), *name)
        })
        .filter(|(distance, _)| *distance <= (wrong.len() / 3).max(2))
        .collect();
    near.sort_unstable();
    near.dedup();
    let names: Vec<&str> = near.into_iter().take(OFFERED_MAX).map(|(_, name)| name).collect();
    match names.as_slice() {
        [] if known.is_empty() => format!("there are no {what}"),
        [] => format!("the {what} are: {}", known.join(", ")),
        names => format!("did you mean {}?", names.join(", ")),
    }
}

/// Levenshtein's distance.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = Vec::with_capacity(right.len() + 1);
        current.push(row + 1);
        for (column, b) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(a != b);
            current.push(replaced.min(previous[column + 1] + 1).min(current[column] + 1));
        }
        previous = current;
    }
    previous.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_offered_nearest_first() {
        let known = ["process", "file", "registry", "network"];
        assert_eq!(nearest("processes", &known, "tables"), "did you mean process?");
        assert_eq!(nearest("netwrok", &known, "tables"), "did you mean network?");
        assert_eq!(
            nearest("CommandLine", &["command_line"], "columns"),
            "did you mean command_line?"
        );
        assert_eq!(
            nearest("zzzzzz", &known, "tables"),
            "the tables are: process, file, registry, network"
        );
    }
}
