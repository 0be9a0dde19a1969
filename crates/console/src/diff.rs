//! Two texts, line by line: what went, what came, what stayed.

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It stayed.
    Same,
    /// It went.
    Gone,
    /// It came.
    New,
}

impl Change {
    /// The name of its style.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Gone => "gone",
            Self::New => "new",
        }
    }

    /// The sign before the line.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Same => " ",
            Self::Gone => "−",
            Self::New => "+",
        }
    }
}

/// The lines of both texts in their order. The longest common subsequence stays; beyond a limit of lines that differ,
/// everything between the common beginning and the common end went and came.
pub(crate) fn diff<'a>(old: &'a str, new: &'a str) -> Vec<(Change, &'a str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let both = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = both.take_while(|(one, other)| one == other).count();
    let old_mid = &old_rest[..old_rest.len() - tail];
    let new_mid = &new_rest[..new_rest.len() - tail];
    let same = |line: &&'a str| (Change::Same, *line);
    let mut out: Vec<(Change, &str)> = old[..head].iter().map(same).collect();
    if old_mid.len() > LINES_COMPARED_MAX || new_mid.len() > LINES_COMPARED_MAX {
        out.extend(old_mid.iter().map(|line| (Change::Gone, *line)));
        out.extend(new_mid.iter().map(|line| (Change::New, *line)));
    } else {
        compare(old_mid, new_mid, &mut out);
    }
    out.extend(old_rest[old_rest.len() - tail..].iter().map(same));
    out
}

fn compare<'a>(old: &[&'a str], new: &[&'a str], out: &mut Vec<(Change, &'a str)>) {
    let width = new.len() + 1;
    // Length of the longest common subsequence of what follows each pair of places.
    let mut longest = vec![0_u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            out.push((Change::Same, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1])
        {
            out.push((Change::Gone, old[i]));
            i += 1;
        } else {
            out.push((Change::New, new[j]));
            j += 1;
        }
    }
}

/// Lines of each text that are compared one by one.
const LINES_COMPARED_MAX: usize = 1_500;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &str) {
        let found: Vec<String> = diff(old, new)
            .iter()
            .map(|(change, line)| format!("{}{line}", change.sign()))
            .collect();
        assert_eq!(found.join(","), expected, "{old:?} {new:?}");
        let side = |unwanted: Change| {
            let lines = diff(old, new);
            let own = lines.iter().filter(|(change, _)| *change != unwanted);
            own.map(|(_, line)| (*line).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(side(Change::New), old.lines().collect::<Vec<_>>());
        assert_eq!(side(Change::Gone), new.lines().collect::<Vec<_>>());
    }

    #[test]
    fn what_stays_is_the_longest_common_part() {
        check("", "", "");
        check("", "a", "+a");
        check("a\nb\nc", "a\nc", " a,−b, c");
        check("a\nb\nc\nd", "a\nx\nc\nd\ne", " a,−b,+x, c, d,+e");
        check("a\na\nb", "a\nb\na", " a,−a, b,+a");
        let long: String = (0..4_000).map(|line| format!("{line}\n")).collect();
        let other: String = (0..4_000).map(|line| format!("{}\n", line + 5_000)).collect();
        assert_eq!(diff(&long, &other).len(), 8_000);
    }
}
