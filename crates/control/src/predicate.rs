//! From a search's conditions to SQL over one family's table, and from names to fields.
//!
//! Invariant: what a user typed is a parameter; the SQL text is made of the registry's names and constants.

use crate::limits::{FILTERS_MAX, SEARCH_TEXT_BYTES_MAX, SUGGESTIONS_MAX, WORDS_MAX};
use crate::rows::Parameters;
use crate::view::{Compare, Cursor, FieldFilter, SearchQuery};
use crate::{ControlError, QueryFault};
use model::registry::{self, FieldSpec, FieldType};
use model::{EventKind, Family};

/// One condition whose field is known.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    sigma: &'static str,
    compare: Compare,
    value: String,
}

/// A search that was checked: names resolved, limits held.
#[derive(Debug, Clone)]
pub(crate) struct Checked<'a> {
    query: &'a SearchQuery,
    conditions: Vec<Condition>,
    /// The tables to look into.
    pub(crate) families: Vec<Family>,
}

impl<'a> Checked<'a> {
    /// Checks a search.
    ///
    /// # Errors
    /// [`ControlError::BadQuery`] beyond a limit, [`ControlError::UnknownField`] with suggestions.
    pub(crate) fn new(query: &'a SearchQuery) -> Result<Self, ControlError> {
        let bad = |fault| Err(ControlError::BadQuery(fault));
        if query.range.from >= query.range.to {
            return bad(QueryFault::RangeEmpty);
        }
        if query.filters.len() > FILTERS_MAX || query.words.len() > WORDS_MAX {
            return bad(QueryFault::TooMany);
        }
        let filter_texts = query.filters.iter().flat_map(|filter| [&filter.field, &filter.value]);
        if filter_texts.chain(&query.words).any(|text| text.len() > SEARCH_TEXT_BYTES_MAX) {
            return bad(QueryFault::TooLong);
        }
        if query.words.iter().any(|word| word.trim().is_empty()) {
            return bad(QueryFault::Empty);
        }
        let conditions = query.filters.iter().map(resolve).collect::<Result<Vec<_>, _>>()?;
        let mut families = query.families.clone();
        if families.is_empty() {
            families = Family::ALL.to_vec();
        }
        families.sort_unstable();
        families.dedup();
        Ok(Self { query, conditions, families })
    }

    /// The condition of a family's table, as SQL.
    pub(crate) fn sql(&self, family: Family, parameters: &mut Parameters) -> String {
        let range = self.query.range;
        let mut all = vec![
            format!("observed_at >= {}", parameters.bind_time(range.from)),
            format!("observed_at < {}", parameters.bind_time(range.to)),
        ];
        if let Some(device) = self.query.device {
            all.push(format!("device = {}", parameters.bind(device.to_string())));
        }
        if family == Family::Agent && self.query.families.is_empty() {
            // Counters come every few seconds and would bury everything else.
            all.push(format!("kind <> '{}'", EventKind::AgentCounters.name()));
        }
        for condition in &self.conditions {
            all.push(condition.sql(family, parameters));
        }
        for word in &self.query.words {
            all.push(word_sql(family, word.trim(), parameters));
        }
        all.join(" AND ")
    }
}

/// "Older than the last row shown", in the order of [`NEWEST_FIRST`].
pub(crate) fn after_sql(after: Cursor, parameters: &mut Parameters) -> String {
    let time = parameters.bind_time(after.at);
    let ns = parameters.bind(after.at.nanos().rem_euclid(1_000));
    let agent = parameters.bind(after.key.agent.to_string());
    let epoch = parameters.bind(after.key.epoch.to_string());
    let seq = parameters.bind(seq_parameter(after.key.seq));
    format!(
        "observed_at <= {time} AND (observed_at < {time} OR observed_ns < {ns} OR (observed_ns = {ns} AND \
         (agent < {agent} OR (agent = {agent} AND \
         (epoch < {epoch} OR (epoch = {epoch} AND seq < {seq}))))))"
    )
}

/// Sequence numbers are stored as signed; none that exists is larger.
pub(crate) fn seq_parameter(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// The order of every list of events. The text form of an identifier sorts as the identifier does.
pub(crate) const NEWEST_FIRST: &str =
    "observed_at DESC, observed_ns DESC, agent DESC, epoch DESC, seq DESC";

impl Condition {
    fn sql(&self, family: Family, parameters: &mut Parameters) -> String {
        let field = registry::by_sigma(family, self.sigma);
        let mut any = Vec::new();
        if let Some(field) = field {
            any.push(self.column_sql(field, parameters));
        }
        if field.is_none_or(|field| field.ty != FieldType::Text) {
            // A field without a column, or a value of another type than its column's, is in the map.
            let entry = format!("extra['{}']", self.sigma);
            any.push(format!("{entry} ILIKE {}", self.pattern(parameters)));
        }
        let any = any.join(" OR ");
        match self.compare {
            Compare::Not => format!("NOT COALESCE({any}, FALSE)"),
            _ => format!("({any})"),
        }
    }

    fn column_sql(&self, field: &FieldSpec, parameters: &mut Parameters) -> String {
        let column = quoted(field.column);
        match field.ty {
            FieldType::Text => format!("{column} ILIKE {}", self.pattern(parameters)),
            FieldType::TextList => {
                let pattern = parameters.bind(self.item_pattern());
                format!("{} ILIKE {pattern}", items_text(&column))
            }
            FieldType::Bool | FieldType::Int => {
                format!("CAST({column} AS VARCHAR) ILIKE {}", self.pattern(parameters))
            }
        }
    }

    fn pattern(&self, parameters: &mut Parameters) -> String {
        let literal = like_literal(&self.value);
        parameters.bind(match self.compare {
            Compare::Equals | Compare::Not => literal,
            Compare::Contains => format!("%{literal}%"),
            Compare::StartsWith => format!("{literal}%"),
            Compare::EndsWith => format!("%{literal}"),
        })
    }

    /// The pattern against a list's items, each of which stands between two separators. A whole list is
    /// written as it is shown, as a JSON array of texts; anything else is compared with each item.
    fn item_pattern(&self) -> String {
        let whole = matches!(self.compare, Compare::Equals | Compare::Not);
        if whole && let Ok(items) = serde_json::from_str::<Vec<String>>(&self.value) {
            let items: Vec<String> = items.iter().map(|item| like_literal(item)).collect();
            return format!("{SEPARATOR}{}{SEPARATOR}", items.join(&SEPARATOR.to_string()));
        }
        let literal = like_literal(&self.value);
        match self.compare {
            Compare::Equals | Compare::Not => format!("%{SEPARATOR}{literal}{SEPARATOR}%"),
            Compare::Contains => format!("%{literal}%"),
            Compare::StartsWith => format!("%{SEPARATOR}{literal}%"),
            Compare::EndsWith => format!("%{literal}{SEPARATOR}%"),
        }
    }
}

fn word_sql(family: Family, word: &str, parameters: &mut Parameters) -> String {
    let pattern = parameters.bind(format!("%{}%", like_literal(word)));
    let mut any = Vec::new();
    let said = |field: &&FieldSpec| !model::context::is_stamped(family, field.sigma);
    for field in registry::fields_of(family).filter(said) {
        let column = quoted(field.column);
        match field.ty {
            FieldType::Text => any.push(format!("{column} ILIKE {pattern}")),
            FieldType::TextList => any.push(format!("{} ILIKE {pattern}", items_text(&column))),
            FieldType::Int | FieldType::Bool => {}
        }
    }
    any.push(format!("{} ILIKE {pattern}", items_text("map_values(extra)")));
    format!("({})", any.join(" OR "))
}

fn items_text(list: &str) -> String {
    let separator = "chr(31)";
    format!("concat({separator}, array_to_string({list}, {separator}), {separator})")
}

/// A column name that may also be a word of SQL (`user`).
pub(crate) fn quoted(column: &str) -> String {
    format!("\"{column}\"")
}

/// Text that a LIKE pattern matches as it is; the backslash is the escape character.
fn like_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '%' | '_') {
            literal.push('\\');
        }
        literal.push(letter);
    }
    literal
}

fn resolve(filter: &FieldFilter) -> Result<Condition, ControlError> {
    let wanted = filter.field.trim();
    let exact = registry::FIELDS.iter().find(|field| field.sigma == wanted);
    let folded = || registry::FIELDS.iter().find(|field| field.sigma.eq_ignore_ascii_case(wanted));
    let Some(field) = exact.or_else(folded) else {
        return Err(ControlError::UnknownField {
            field: wanted.to_owned(),
            suggestions: suggestions(wanted),
        });
    };
    let value = filter.value.clone();
    let needs_text = !matches!(filter.compare, Compare::Equals | Compare::Not);
    if needs_text && value.is_empty() {
        return Err(ControlError::BadQuery(QueryFault::Empty));
    }
    Ok(Condition { sigma: field.sigma, compare: filter.compare, value })
}

/// The nearest names: those that differ by few letters, then those that contain what was typed.
fn suggestions(wanted: &str) -> Vec<String> {
    let wanted = wanted.to_ascii_lowercase();
    let mut ranked: Vec<(usize, &str)> = Vec::new();
    for field in registry::FIELDS {
        let known = field.sigma.to_ascii_lowercase();
        let near = edits(&wanted, &known);
        let contained = !wanted.is_empty() && (known.contains(&wanted) || wanted.contains(&known));
        let is_near = near <= known.len() / 3;
        if (is_near || contained) && !ranked.iter().any(|(_, name)| *name == field.sigma) {
            ranked.push((if is_near { near } else { near + known.len() }, field.sigma));
        }
    }
    ranked.sort_unstable();
    ranked.into_iter().take(SUGGESTIONS_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// Levenshtein distance, of bytes; names are short and ASCII, and what was typed is cut to their order.
fn edits(left: &str, right: &str) -> usize {
    let left: Vec<u8> = left.bytes().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, from) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (place, to) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(*from != to);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[right.len()]
}

/// Unit separator: what stands between the items of a list that is compared as text.
const SEPARATOR: char = '\u{1f}';

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::TimeRange;
    use model::{DeviceId, Timestamp};

    #[test]
    fn names_nearby_are_suggested() {
        assert_eq!(suggestions("CommandLin")[0], "CommandLine");
        assert_eq!(suggestions("comand_line")[0], "CommandLine");
        assert!(suggestions("hash").contains(&"Hashes".to_owned()));
        assert_eq!(suggestions("'; DROP TABLE process --"), Vec::<String>::new());
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    #[test]
    fn the_largest_search_fits_into_a_query_and_holds_no_user_text() {
        let filter = |number: usize| FieldFilter {
            field: "Arguments".into(),
            compare: Compare::Contains,
            value: format!("needle{number}"),
        };
        let query = SearchQuery {
            families: Vec::new(),
            range: TimeRange {
                from: Timestamp::from_nanos(0),
                to: Timestamp::from_nanos(i64::MAX),
            },
            device: Some(DeviceId::from_bits(1)),
            filters: (0..FILTERS_MAX).map(filter).collect(),
            words: (0..WORDS_MAX).map(|number| format!("needle{number}-word")).collect(),
            after: None,
        };
        let checked = Checked::new(&query).expect("within the limits");
        for family in &checked.families {
            let mut parameters = Parameters::default();
            let sql = checked.sql(*family, &mut parameters);
            assert!(sql.len() < lake::limits::QUERY_BYTES_MAX / 2, "{family:?}: {}", sql.len());
            assert!(parameters.values().len() < lake::limits::QUERY_PARAMETERS_MAX / 2);
            assert!(!sql.contains("needle"), "{sql}");
        }
    }

    #[test]
    fn metacharacters_are_literal() {
        assert_eq!(like_literal(r"100%_\x"), r"100\%\_\\x");
    }
}
