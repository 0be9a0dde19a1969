//! Reading the lake's answers: cells in the order in which a statement selected them.

use crate::ControlError;
use lake::Table;
use model::{AgentId, AlertId, DeviceId, EpochId, EventKind, Level, StreamKey, Timestamp, Value};
use std::borrow::Cow;

/// The parameters of one statement, `$1` first. User text reaches SQL here and nowhere else.
#[derive(Debug, Default, Clone)]
pub(crate) struct Parameters(Vec<Value>);

impl Parameters {
    /// Takes a value and gives its placeholder; the same value has one placeholder.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> String {
        let value = value.into();
        let place = self.0.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.0.push(value);
            self.0.len() - 1
        });
        format!("${}", place + 1)
    }

    /// Takes an instant, rounded down to the microsecond, and gives an expression of it.
    pub(crate) fn bind_time(&mut self, at: Timestamp) -> String {
        let micros = self.bind(at.micros());
        format!("to_timestamp_micros(CAST({micros} AS BIGINT))")
    }

    /// The values in order.
    pub(crate) fn values(&self) -> &[Value] {
        &self.0
    }
}

/// The rows of an answer, each to be read cell by cell.
pub(crate) fn rows_of<'a>(
    table: &'a Table,
    what: &'static str,
) -> impl Iterator<Item = Cells<'a>> + use<'a> {
    table.rows.iter().map(move |row| Cells { rest: row.iter(), what })
}

/// The cells of a row that were not read yet.
pub(crate) struct Cells<'a> {
    rest: std::slice::Iter<'a, Value>,
    what: &'static str,
}

impl<'a> Cells<'a> {
    /// The next cell.
    pub(crate) fn value(&mut self) -> Result<&'a Value, ControlError> {
        self.rest.next().ok_or_else(|| self.damaged("a column is missing"))
    }

    /// The next cell as text, when it has a value.
    pub(crate) fn maybe_text(&mut self) -> Result<Option<Cow<'a, str>>, ControlError> {
        Ok(self.value()?.scalar_text())
    }

    /// The next cell as text.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, ControlError> {
        self.maybe_text()?.ok_or_else(|| self.damaged("a text is missing"))
    }

    /// The next cell as a number, when it has a value.
    pub(crate) fn maybe_int(&mut self) -> Result<Option<i64>, ControlError> {
        Ok(self.value()?.as_int())
    }

    /// The next cell as a number.
    pub(crate) fn int(&mut self) -> Result<i64, ControlError> {
        self.maybe_int()?.ok_or_else(|| self.damaged("a number is missing"))
    }

    /// The next cell as a number that counts something.
    pub(crate) fn count(&mut self) -> Result<u64, ControlError> {
        let count = self.int()?;
        u64::try_from(count).map_err(|_| self.damaged("a count is negative"))
    }

    /// The next cell as an instant, when it has a value.
    pub(crate) fn maybe_time(&mut self) -> Result<Option<Timestamp>, ControlError> {
        let Some(text) = self.maybe_text()? else { return Ok(None) };
        Timestamp::parse(&text).map(Some).map_err(|reason| self.damaged(&reason))
    }

    /// The next cell as an instant.
    pub(crate) fn time(&mut self) -> Result<Timestamp, ControlError> {
        self.maybe_time()?.ok_or_else(|| self.damaged("a time is missing"))
    }

    /// The next two cells as an instant: microseconds and the nanoseconds below them.
    pub(crate) fn time_ns(&mut self) -> Result<Timestamp, ControlError> {
        let micros = self.time()?;
        Ok(micros.plus_nanos(self.maybe_int()?.unwrap_or(0)))
    }

    /// The next cell as a device.
    pub(crate) fn device(&mut self) -> Result<DeviceId, ControlError> {
        let text = self.text()?;
        DeviceId::parse(&text).map_err(|err| self.damaged(&err.to_string()))
    }

    /// The next cell as an alert.
    pub(crate) fn alert(&mut self) -> Result<AlertId, ControlError> {
        let text = self.text()?;
        AlertId::parse(&text).map_err(|err| self.damaged(&err.to_string()))
    }

    /// The next cell as an agent.
    pub(crate) fn agent(&mut self) -> Result<AgentId, ControlError> {
        let text = self.text()?;
        AgentId::parse(&text).map_err(|err| self.damaged(&err.to_string()))
    }

    /// The next three cells as a stream key.
    pub(crate) fn stream(&mut self) -> Result<StreamKey, ControlError> {
        let agent = self.agent()?;
        let epoch = self.text()?;
        let epoch = EpochId::parse(&epoch).map_err(|err| self.damaged(&err.to_string()))?;
        Ok(StreamKey { agent, epoch, seq: self.count()? })
    }

    /// The next cell as an event's kind.
    pub(crate) fn kind(&mut self) -> Result<EventKind, ControlError> {
        let text = self.text()?;
        EventKind::of_name(&text).ok_or_else(|| self.damaged("an unknown kind of event"))
    }

    /// The next cell as a level.
    pub(crate) fn level(&mut self) -> Result<Level, ControlError> {
        let text = self.text()?;
        Level::of_name(&text).ok_or_else(|| self.damaged("an unknown level"))
    }

    /// An error that names the kind of row.
    pub(crate) fn damaged(&self, reason: &str) -> ControlError {
        ControlError::Corrupt { what: self.what, id: "row".to_owned(), reason: reason.to_owned() }
    }
}

/// How a value of any type is shown; `None` when there is nothing to show.
pub(crate) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::List(items) if items.is_empty() => None,
        Value::List(_) | Value::Map(_) => serde_json::to_string(value).ok(),
        scalar => scalar.scalar_text().map(Cow::into_owned),
    }
}
