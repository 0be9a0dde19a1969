//! Conditions over selections whose verdicts are known.

/// Whether the condition holds.
pub(super) fn holds(text: &str, selections: &[(String, bool)]) -> Result<bool, String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, selections, depth: 0 };
    let truth = reader.or()?;
    match reader.words.first() {
        None => Ok(truth),
        Some(word) => Err(format!("{word:?} does not belong there")),
    }
}

struct Reader<'r> {
    words: &'r [&'r str],
    selections: &'r [(String, bool)],
    depth: usize,
}

impl Reader<'_> {
    fn next_is(&self, wanted: &str) -> bool {
        self.words.first().is_some_and(|word| word.to_lowercase() == wanted)
    }

    fn skip(&mut self) {
        self.words = self.words.get(1..).unwrap_or_default();
    }

    /// Binds weakest.
    fn or(&mut self) -> Result<bool, String> {
        let mut truth = self.and()?;
        while self.next_is("or") {
            self.skip();
            truth |= self.and()?;
        }
        Ok(truth)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut truth = self.not()?;
        while self.next_is("and") {
            self.skip();
            truth &= self.not()?;
        }
        Ok(truth)
    }

    /// Binds strongest.
    fn not(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > crate::limits::CONDITION_WORDS_MAX {
            return Err("the condition is too long".to_owned());
        }
        if self.next_is("not") {
            self.skip();
            return Ok(!self.not()?);
        }
        if self.next_is("(") {
            self.skip();
            let truth = self.or()?;
            if !self.next_is(")") {
                return Err("a parenthesis stays open".to_owned());
            }
            self.skip();
            return Ok(truth);
        }
        let word = *self.words.first().ok_or("the condition ends too early")?;
        self.skip();
        if self.next_is("of") {
            self.skip();
            let pattern = *self.words.first().ok_or("nothing behind of")?;
            self.skip();
            return self.of(word, pattern);
        }
        let found = self.selections.iter().find(|(name, _)| name == word);
        found.map(|(_, held)| *held).ok_or_else(|| format!("no selection {word:?}"))
    }

    fn of(&self, quantifier: &str, pattern: &str) -> Result<bool, String> {
        let them = pattern.to_lowercase() == "them";
        let chosen: Vec<bool> = self
            .selections
            .iter()
            .filter(|(name, _)| if them { !name.starts_with('_') } else { glob(pattern, name) })
            .map(|(_, held)| *held)
            .collect();
        if chosen.is_empty() {
            return Err(format!("no selection fits {pattern:?}"));
        }
        match quantifier.to_lowercase().as_str() {
            "1" | "any" => Ok(chosen.contains(&true)),
            "all" => Ok(!chosen.contains(&false)),
            // Conditions of correlations ask for n of m.
            number => match number.parse::<usize>() {
                Ok(wanted) => Ok(chosen.iter().filter(|held| **held).count() >= wanted),
                Err(_) => Err(format!("{number:?} of")),
            },
        }
    }
}

/// `*` stands for any characters, everything else for itself.
fn glob(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, behind)) => {
            let Some(rest) = name.strip_prefix(before) else { return false };
            let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            starts.filter_map(|at| rest.get(at..)).any(|rest| glob(behind, rest))
        }
    }
}
