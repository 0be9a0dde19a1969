//! Values of a placeholder from a file of YAML: a list of texts, or a map with the list under `values`.

use crate::cause::{Expected, Found};
use crate::error::{Fault, RuleError};
use crate::yaml;

/// The values of a placeholder that a text of YAML lists.
///
/// # Errors
/// What is wrong with it, and the line.
pub fn list_values(text: &str) -> Result<Vec<String>, (Option<usize>, RuleError)> {
    read(text).map_err(|fault| (fault.line, fault.cause))
}

fn read(text: &str) -> Result<Vec<String>, Fault> {
    let wrong = |found: Found, line: usize| {
        crate::attributes::bad("values", found, Expected::Values).at(line)
    };
    let documents = yaml::documents(text);
    let [document] = documents.as_slice() else {
        return Err(wrong(Found::Documents(documents.len()), 1));
    };
    let root = yaml::parse(*document)?;
    let list = root.get("values").unwrap_or(&root);
    if !matches!(list.kind, yaml::Kind::List(_)) {
        return Err(wrong(list.describe(), list.line));
    }
    let one = |item: &yaml::Node| {
        let text = item.text().ok_or_else(|| wrong(item.describe(), item.line))?;
        Ok(text.to_owned())
    };
    list.items().iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_or_said_to_be_none() {
        for text in ["- a\n- 'b*'\n- 5\n", "values: [a, 'b*', 5]\n"] {
            assert_eq!(list_values(text).expect("a list"), ["a", "b*", "5"]);
        }
        for (text, line) in
            [("a: b\n", Some(1)), ("- a\n- [b]\n", Some(2)), ("", Some(1)), ("- {\n", Some(2))]
        {
            let (found, _) = list_values(text).expect_err(text);
            assert_eq!(found, line, "{text:?}");
        }
    }
}
