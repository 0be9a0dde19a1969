//! Which devices send which fields: asked of the events of the last days, kept for a while.

use crate::limits::{DAY_NS, HOUR_NS};
use crate::rows::{Parameters, rows_of};
use crate::view::backtest::RuleInForce;
use crate::view::rule_health::{FieldSupply, RuleSupply, percent};
use crate::{Control, ControlError};
use model::registry::{FieldSpec, fields_of};
use model::{Family, LogSource, Timestamp};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Events of so many days are looked at.
const LOOKED_AT_DAYS: i64 = 2;
/// How long an answer is good; what devices send changes slowly.
const KEPT_NS: i64 = HOUR_NS;
/// Rows of one answer of the lake: devices times log sources.
const ROWS_MAX: usize = 500_000;
/// Fields without a column that are looked for.
const OUTSIDE_MAX: usize = 2_000;

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct Supplies(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    at: Timestamp,
    asked: BTreeSet<String>,
    supplied: Arc<Supplied>,
}

/// Which devices sent what lately.
#[derive(Debug, Default)]
pub(super) struct Supplied {
    /// Each device has a number.
    devices: HashMap<String, usize>,
    by_source: Vec<(LogSource, OfSource)>,
}

/// The devices of one log source.
#[derive(Debug, Default)]
struct OfSource {
    sending: Devices,
    /// By the field's name in lower case.
    fields: HashMap<String, Devices>,
}

/// A set of devices, a bit each.
#[derive(Debug, Clone, Default)]
struct Devices(Vec<u64>);

impl Devices {
    fn insert(&mut self, number: usize) {
        let place = number / 64;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place) {
            *word |= 1 << (number % 64);
        }
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

impl Supplied {
    pub(super) fn of_rule(&self, rule: &RuleInForce) -> RuleSupply {
        let mut sending = Devices::default();
        let mut fields: BTreeMap<&str, Devices> =
            rule.fields.iter().map(|field| (field.as_str(), Devices::default())).collect();
        let fitting =
            |(source, _): &&(LogSource, OfSource)| rule.log_source.is_satisfied_by(source);
        for (_, of_source) in self.by_source.iter().filter(fitting) {
            sending.add(&of_source.sending);
            for (field, devices) in &mut fields {
                if let Some(known) = of_source.fields.get(&outer(field)) {
                    devices.add(known);
                }
            }
        }
        let with_source = sending.count();
        let mut fields: Vec<FieldSupply> = fields
            .into_iter()
            .map(|(field, devices)| FieldSupply {
                field: field.to_owned(),
                devices: devices.count(),
                percent: percent(devices.count(), with_source),
            })
            .collect();
        fields.sort_by_key(|field| field.devices);
        RuleSupply { devices: self.devices.len() as u64, with_source, fields }
    }

    /// The place of what a device sent of a log source, made when it is new.
    fn place(&mut self, device: &str, source: LogSource) -> (usize, &mut OfSource) {
        let next = self.devices.len();
        let number = *self.devices.entry(device.to_owned()).or_insert(next);
        let known = self.by_source.iter().position(|(known, _)| *known == source);
        let place = known.unwrap_or_else(|| {
            self.by_source.push((source, OfSource::default()));
            self.by_source.len() - 1
        });
        let (_, of_source) = &mut self.by_source[place];
        of_source.sending.insert(number);
        (number, of_source)
    }
}

impl Control {
    /// Which devices send what the rules ask about; `None` when the lake could not say.
    pub(super) async fn supplies(&self, rules: &[Arc<RuleInForce>]) -> Option<Arc<Supplied>> {
        let asked: BTreeSet<String> =
            rules.iter().flat_map(|rule| rule.fields.iter()).map(|field| outer(field)).collect();
        let now = self.clock.now();
        let mut kept = self.rule_care.supplies.0.lock().await;
        if let Some(kept) = &*kept
            && kept.at.plus_nanos(KEPT_NS) > now
            && kept.asked.is_superset(&asked)
        {
            return Some(Arc::clone(&kept.supplied));
        }
        match self.ask_supplies(&asked, now).await {
            Ok(supplied) => {
                let supplied = Arc::new(supplied);
                *kept = Some(Kept { at: now, asked, supplied: Arc::clone(&supplied) });
                Some(supplied)
            }
            Err(err) => {
                tracing::warn!(error = %err, "could not count which devices supply which fields");
                kept.as_ref().map(|kept| Arc::clone(&kept.supplied))
            }
        }
    }

    async fn ask_supplies(
        &self,
        asked: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Supplied, ControlError> {
        let mut supplied = Supplied::default();
        let since = now.plus_nanos(-LOOKED_AT_DAYS * DAY_NS);
        for family in Family::ALL {
            let columns: Vec<&FieldSpec> = fields_of(family)
                .filter(|field| asked.contains(&field.sigma.to_ascii_lowercase()))
                .collect();
            self.ask_columns(&mut supplied, family, &columns, since).await?;
            let known: BTreeSet<String> =
                fields_of(family).map(|field| field.sigma.to_ascii_lowercase()).collect();
            let outside: Vec<&String> = asked.difference(&known).take(OUTSIDE_MAX).collect();
            if !outside.is_empty() {
                self.ask_outside(&mut supplied, family, &outside, since).await?;
            }
        }
        Ok(supplied)
    }

    /// Fields that have a column.
    async fn ask_columns(
        &self,
        supplied: &mut Supplied,
        family: Family,
        columns: &[&'static FieldSpec],
        since: Timestamp,
    ) -> Result<(), ControlError> {
        let mut parameters = Parameters::default();
        let since = parameters.bind_time(since);
        let counts: String =
            columns.iter().map(|field| format!(", count(\"{}\")", field.column)).collect();
        let table = family.table();
        let sql = format!(
            "SELECT device, product, categories, services{counts} FROM {table} WHERE observed_at > {since} \
             GROUP BY device, product, categories, services"
        );
        let answer = self.lake.query_with(&sql, parameters.values(), ROWS_MAX).await?;
        for mut cells in rows_of(&answer, "event") {
            let device = cells.text()?.into_owned();
            let source = LogSource {
                product: Cow::Owned(cells.maybe_text()?.unwrap_or_default().into_owned()),
                categories: words(cells.maybe_text()?),
                services: words(cells.maybe_text()?),
            };
            let (number, of_source) = supplied.place(&device, source);
            for field in columns {
                if cells.count()? > 0 {
                    let name = field.sigma.to_ascii_lowercase();
                    of_source.fields.entry(name).or_default().insert(number);
                }
            }
        }
        Ok(())
    }

    /// Fields that are kept beside the columns.
    async fn ask_outside(
        &self,
        supplied: &mut Supplied,
        family: Family,
        names: &[&String],
        since: Timestamp,
    ) -> Result<(), ControlError> {
        let mut parameters = Parameters::default();
        let since = parameters.bind_time(since);
        let names: Vec<String> = names.iter().map(|name| parameters.bind(name.as_str())).collect();
        let table = family.table();
        let sql = format!(
            "SELECT device, product, categories, services, lower(name) FROM \
             (SELECT device, product, categories, services, unnest(map_keys(extra)) AS name FROM {table} \
              WHERE observed_at > {since}) AS outside \
             WHERE lower(name) IN ({}) GROUP BY device, product, categories, services, lower(name)",
            names.join(", ")
        );
        let answer = self.lake.query_with(&sql, parameters.values(), ROWS_MAX).await?;
        for mut cells in rows_of(&answer, "event") {
            let device = cells.text()?.into_owned();
            let source = LogSource {
                product: Cow::Owned(cells.maybe_text()?.unwrap_or_default().into_owned()),
                categories: words(cells.maybe_text()?),
                services: words(cells.maybe_text()?),
            };
            let name = cells.text()?.into_owned();
            let (number, of_source) = supplied.place(&device, source);
            of_source.fields.entry(name).or_default().insert(number);
        }
        Ok(())
    }
}

/// The name under which a field is sent: a dotted one looks into a field that holds a map.
fn outer(field: &str) -> String {
    field.split('.').next().unwrap_or(field).to_ascii_lowercase()
}

fn words(text: Option<Cow<'_, str>>) -> Vec<Cow<'static, str>> {
    let text = text.unwrap_or_default();
    text.split(',')
        .filter(|word| !word.is_empty())
        .map(|word| Cow::Owned(word.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use detect::RuleLogSource;
    use model::Level;

    fn source(category: &str) -> LogSource {
        LogSource {
            product: "linux".into(),
            categories: vec![Cow::Owned(category.to_owned())],
            services: Vec::new(),
        }
    }

    #[test]
    fn devices_of_several_log_sources_count_once() {
        let mut supplied = Supplied::default();
        for number in 0..70 {
            let device = format!("d{number}");
            let (place, of_source) = supplied.place(&device, source("process_creation"));
            if number % 2 == 0 {
                of_source.fields.entry("image".to_owned()).or_default().insert(place);
            }
            supplied.place(&device, source("file_event"));
        }
        let rule = RuleInForce {
            id: "r".to_owned(),
            title: String::new(),
            level: Level::Low,
            status: String::new(),
            source: String::new(),
            text: String::new(),
            document: String::new(),
            revision: String::new(),
            active: true,
            correlation: false,
            log_source: RuleLogSource { product: Some("linux".to_owned()), ..Default::default() },
            filters: Vec::new(),
            fields: vec!["Image".to_owned(), "Missing.deep".to_owned()],
        };
        let supply = supplied.of_rule(&rule);
        assert_eq!((supply.devices, supply.with_source, supply.percent()), (70, 70, 100));
        let fields: Vec<(&str, u64, u64)> = supply
            .fields
            .iter()
            .map(|one| (one.field.as_str(), one.devices, one.percent))
            .collect();
        assert_eq!(fields, [("Missing.deep", 0, 0), ("Image", 35, 50)]);
        assert!(!supply.is_whole());
        let windows = RuleInForce {
            log_source: RuleLogSource { product: Some("windows".to_owned()), ..Default::default() },
            ..rule
        };
        let supply = supplied.of_rule(&windows);
        assert_eq!((supply.devices, supply.with_source, supply.percent()), (70, 0, 0));
    }
}
