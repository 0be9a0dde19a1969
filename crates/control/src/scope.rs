//! Scope: whose rows a store call may read or change.
//!
//! Invariant: what lies outside a scope is answered as if it did not exist, so that nobody learns of it by
//! guessing identifiers.

use crate::{Control, ControlError};
use model::DeviceId;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

/// Whose rows may be read or changed. Derived from an [`crate::Actor`] and given to every store call on rows
/// of people and devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of the people and devices of some departments, by identifier.
    Departments(Vec<String>),
    /// Those of one person and of the devices that the person owns.
    Person(String),
}

impl Scope {
    /// The condition on rows of `device`, which the statement calls `alias`. Its parameters are numbered from
    /// `next` on.
    pub(crate) fn on_device(&self, alias: &'static str, next: usize) -> Condition {
        match self {
            Self::All => Condition::always(),
            Self::Person(person) => Condition {
                sql: format!("{alias}.owner_id = ${next}"),
                values: vec![person.clone()],
            },
            Self::Departments(ids) => Condition::one_of(
                &format!(
                    "COALESCE({alias}.department_id, (SELECT owner.department_id FROM person AS owner \
                     WHERE owner.id = {alias}.owner_id))"
                ),
                ids,
                next,
            ),
        }
    }

    /// The condition on rows of `person`, which the statement calls `alias`.
    pub(crate) fn on_person(&self, alias: &'static str, next: usize) -> Condition {
        match self {
            Self::All => Condition::always(),
            Self::Person(person) => {
                Condition { sql: format!("{alias}.id = ${next}"), values: vec![person.clone()] }
            }
            Self::Departments(ids) => {
                Condition::one_of(&format!("{alias}.department_id"), ids, next)
            }
        }
    }
}

/// A part of a WHERE clause and the values of its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Safe SQL: made of this program's own words.
    pub(crate) sql: String,
    /// To be bound in this order.
    pub(crate) values: Vec<String>,
}

/// A statement with its parameters.
pub(crate) type Statement<'q> = Query<'q, Any, AnyArguments>;

impl Condition {
    fn always() -> Self {
        Self { sql: "1 = 1".to_owned(), values: Vec::new() }
    }

    fn one_of(expression: &str, values: &[String], next: usize) -> Self {
        if values.is_empty() {
            return Self { sql: "1 = 0".to_owned(), values: Vec::new() };
        }
        let places: Vec<String> =
            (next..next + values.len()).map(|number| format!("${number}")).collect();
        Self { sql: format!("{expression} IN ({})", places.join(", ")), values: values.to_vec() }
    }

    /// Binds the values to a statement whose earlier parameters are bound already.
    pub(crate) fn bind<'q>(&self, statement: Statement<'q>) -> Statement<'q> {
        self.values.iter().fold(statement, |statement, value| statement.bind(value.clone()))
    }
}

/// A statement put together of this program's own words; values are bound.
pub(crate) fn statement<'q>(sql: String) -> Statement<'q> {
    sqlx::query(AssertSqlSafe(sql))
}

impl Control {
    /// Whether a device exists and is in the scope.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when it does not or is not.
    pub(crate) async fn device_in_scope(
        &self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<(), ControlError> {
        let condition = scope.on_device("d", 2);
        let sql = format!("SELECT d.id FROM device AS d WHERE d.id = $1 AND {}", condition.sql);
        let found = condition.bind(statement(sql).bind(device.to_string()));
        match found.fetch_optional(self.store.pool()).await? {
            Some(_) => Ok(()),
            None => Err(ControlError::NotFound { what: "device", id: device.to_string() }),
        }
    }

    /// Whether a person exists and is in the scope.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when there is no such person, or not for this scope.
    pub(crate) async fn person_in_scope(
        &self,
        scope: &Scope,
        person: &str,
    ) -> Result<(), ControlError> {
        let condition = scope.on_person("p", 2);
        let sql = format!("SELECT p.id FROM person AS p WHERE p.id = $1 AND {}", condition.sql);
        let found = condition.bind(statement(sql).bind(person.to_owned()));
        match found.fetch_optional(self.store.pool()).await? {
            Some(_) => Ok(()),
            None => Err(ControlError::no_person(person)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_of_no_department_reaches_nothing() {
        let nothing = Scope::Departments(Vec::new());
        assert_eq!(nothing.on_person("p", 1).sql, "1 = 0");
        assert_eq!(nothing.on_device("d", 1).sql, "1 = 0");
    }

    #[test]
    fn values_are_parameters() {
        let scope = Scope::Departments(vec!["a') OR 1=1 --".into(), "b".into()]);
        let condition = scope.on_person("p", 3);
        assert_eq!(condition.sql, "p.department_id IN ($3, $4)");
        assert_eq!(condition.values.len(), 2);
    }
}
