//! What the lake remembers of programs and processes, read once when the server starts.

use super::limits::{PROCESSES_MAX, RUNS_MAX};
use super::parents::{Parents, Start};
use super::prevalence::{Day, Prevalence};
use anyhow::{Context as _, bail};
use lake::{Lake, Table};
use model::{DeviceId, Timestamp, Value};

const DAY_MICROS: i64 = 86_400_000_000;
/// Days of runs that are read: one more than count, since the present day is not over.
const RUN_DAYS: i64 = 31;
/// Days of starts whose parents are read.
const START_DAYS: i64 = 2;
/// Rows of one answer. More means that something is not known.
const ROWS_MAX: usize = 1_000_000;

const RUNS: &str = "SELECT device, image, coalesce(hashes, 'SHA256=' || sha256), max(received_at) FROM process \
    WHERE kind IN ('process_start', 'process_running') AND image IS NOT NULL \
    AND received_at >= to_timestamp_micros(CAST($1 AS BIGINT)) GROUP BY 1, 2, 3";
const FIRST_RUNS: &str = "SELECT min(device), image, coalesce(hashes, 'SHA256=' || sha256), min(received_at) FROM process \
    WHERE kind IN ('process_start', 'process_running') AND image IS NOT NULL GROUP BY 2, 3";
const TOLD: &str = "SELECT device, CAST(NULL AS VARCHAR), 'SHA256=' || sha256, max(received_at) FROM inventory \
    WHERE kind IN ('software_added', 'software_changed') AND software_source = 'executed' AND sha256 IS NOT NULL \
    AND received_at >= to_timestamp_micros(CAST($1 AS BIGINT)) GROUP BY device, sha256";
const FIRST_TOLD: &str = "SELECT min(device), CAST(NULL AS VARCHAR), 'SHA256=' || sha256, min(received_at) FROM inventory \
    WHERE kind IN ('software_added', 'software_changed') AND software_source = 'executed' AND sha256 IS NOT NULL \
    GROUP BY sha256";
const STARTS: &str = "SELECT device, process_guid, image, parent_process_guid, parent_image, \
    coalesce(hashes, 'SHA256=' || sha256), software_id FROM process \
    WHERE kind IN ('process_start', 'process_running') AND process_guid IS NOT NULL \
    AND received_at >= to_timestamp_micros(CAST($1 AS BIGINT)) ORDER BY received_at DESC, seq DESC";

/// Who ran what in the last 30 days, and since when each program is known.
pub(super) async fn prevalence(lake: &Lake, now: Timestamp) -> anyhow::Result<Prevalence> {
    let mut table = Prevalence::default();
    let since = [Value::from(now.micros().saturating_sub(RUN_DAYS * DAY_MICROS))];
    for sql in [RUNS, TOLD] {
        remember(&mut table, &lake.query_with(sql, &since, ROWS_MAX).await?)?;
    }
    // The first run of all: it makes the first day earlier, and counts only where it is recent enough to.
    for sql in [FIRST_RUNS, FIRST_TOLD] {
        remember(&mut table, &lake.query_with(sql, &[], ROWS_MAX).await?)?;
    }
    Ok(table)
}

fn remember(table: &mut Prevalence, rows: &Table) -> anyhow::Result<()> {
    if rows.truncated {
        bail!("more than {ROWS_MAX} programs or {RUNS_MAX} runs of them are stored");
    }
    for row in &rows.rows {
        let [device, image, hashes, at] = row.as_slice() else { bail!("a column is missing") };
        let device = device.as_text().and_then(|text| DeviceId::parse(text).ok());
        let at = at.as_text().and_then(|text| Timestamp::parse(text).ok());
        let (Some(device), Some(at)) = (device, at) else { continue };
        let hash = hashes.as_text().and_then(super::hash_in_list);
        let key = match (hash, image.as_text()) {
            (Some(hash), _) => table.of_hash(&hash),
            (None, Some(image)) => table.of_path(image),
            (None, None) => continue,
        };
        table.remember(key, device, Day::of(at), Day::of(at));
    }
    Ok(())
}

/// The processes that were started last.
pub(super) async fn parents(lake: &Lake, now: Timestamp) -> anyhow::Result<Parents> {
    let since = [Value::from(now.micros().saturating_sub(START_DAYS * DAY_MICROS))];
    let rows = lake.query_with(STARTS, &since, PROCESSES_MAX).await?;
    let mut parents = Parents::default();
    // The newest come first, and the later word counts.
    for row in rows.rows.iter().rev() {
        let [device, guid, image, parent_guid, parent_image, hashes, package] = row.as_slice()
        else {
            bail!("a column is missing");
        };
        let device = device.as_text().context("a device is missing")?;
        let start = Start {
            guid: guid.as_text().unwrap_or_default(),
            image: image.as_text(),
            parent_guid: parent_guid.as_text(),
            parent_image: parent_image.as_text(),
            sha256: hashes.as_text().and_then(super::hash_in_list),
            package: package.as_text(),
        };
        parents.started(DeviceId::parse(device)?, &start);
    }
    Ok(parents)
}
