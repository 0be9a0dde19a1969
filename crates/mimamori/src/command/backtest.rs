//! `mimamori rules backtest`: what a rule would have done.

use crate::cli::{Format, RulesBacktest};
use crate::layout::Layout;
use crate::terminal::{flush, note, print_line, visible};
use anyhow::Context as _;
use control::backtest::{BacktestQuery, look_back};
use control::view::TimeRange;
use control::view::backtest::{Backtest, LookedBack, RefusedRule, SampleHit};
use lake::{Access, Lake};
use model::Clock;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Columns of the bars of days.
const BAR_MAX: u64 = 40;

pub(crate) async fn run(args: &RulesBacktest, clock: Arc<dyn Clock>) -> anyhow::Result<ExitCode> {
    let layout = Layout::existing(&args.data.directory)?;
    let lake = Lake::open(&layout.lake(), Access::Read).await?;
    let to = clock.now();
    let query = BacktestQuery {
        rule_text: read(&args.rule)?,
        filters: args.filters.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?,
        range: TimeRange { from: to.plus_nanos(-args.last), to },
        time_zone: args.time_zone.clone(),
        samples_max: args.rows,
    };
    match look_back(&lake, clock, query).await? {
        Backtest::Refused(all) => {
            for refused in &all {
                print_line(&refused_line(args, refused))?;
            }
            flush()?;
            Ok(ExitCode::FAILURE)
        }
        Backtest::Answered(answer) => {
            match args.format {
                Format::Table => print_for_people(&answer)?,
                Format::Jsonl => print_json(&answer)?,
            }
            if !answer.complete {
                note("time ran out: only the newest events were looked at; ask for a shorter time");
            }
            if answer.events_left_out > 0 {
                let left_out = answer.events_left_out;
                note(&format!(
                    "{left_out} events of the correlation were left out: its rules match too often"
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!("could not read {}; name a file with a Sigma rule", path.display())
    })
}

fn refused_line(args: &RulesBacktest, refused: &RefusedRule) -> String {
    let source = match refused.source.strip_prefix("filter ").and_then(|n| n.parse().ok()) {
        None => args.rule.display().to_string(),
        Some(number) => {
            let place: usize = number;
            let filter = args.filters.get(place.saturating_sub(1));
            filter.map_or_else(String::new, |path| path.display().to_string())
        }
    };
    let line = refused.line.map_or_else(String::new, |line| format!(":{line}"));
    let (reason, remedy) = (visible(&refused.reason), visible(&refused.remedy));
    format!("refused  {}{line}: {reason}; {remedy}", visible(&source))
}

fn print_for_people(answer: &LookedBack) -> anyhow::Result<()> {
    for remark in &answer.remarks {
        print_line(&format!("warning  line {}", visible(remark)))?;
    }
    for rule in &answer.rules {
        let level = rule.level.name();
        print_line(&format!("{:>9} hits  {level:13} {}", rule.hits, visible(&rule.title)))?;
    }
    let seconds = answer.took_ns as f64 / 1e9;
    print_line(&format!(
        "{:>9} events looked at in {seconds:.1} s, {} of them read whole",
        answer.events, answer.events_read
    ))?;
    if answer.hits == 0 {
        return flush();
    }
    let most = answer.days.iter().map(|(_, hits)| *hits).max().unwrap_or(0).max(1);
    print_line("\nper day")?;
    for (day, hits) in answer.days.iter().filter(|(_, hits)| *hits > 0) {
        let bar = "#".repeat(usize::try_from((hits * BAR_MAX).div_ceil(most)).unwrap_or(0));
        print_line(&format!("{hits:>9}  from {day}  {bar}"))?;
    }
    print_line(&format!("\nper device ({} in all)", answer.devices_total))?;
    for device in &answer.devices {
        print_line(&format!("{:>9}  {}", device.hits, visible(&device.name)))?;
    }
    for field in &answer.fields {
        print_line(&format!("\n{} ({} different)", visible(&field.field), field.distinct))?;
        for (value, hits) in &field.values {
            print_line(&format!("{hits:>9}  {}", visible(value)))?;
        }
    }
    print_line("\nsome of them")?;
    for sample in &answer.samples {
        print_sample(sample)?;
    }
    for exclusion in &answer.exclusions {
        print_line(&format!("\nexclusion that takes away {} hits:", exclusion.hits))?;
        for line in exclusion.text.lines() {
            print_line(&format!("    {}", visible(line)))?;
        }
    }
    flush()
}

fn print_sample(sample: &SampleHit) -> anyhow::Result<()> {
    print_line(&format!(
        "{}  {}  {}",
        sample.observed_at,
        visible(&sample.device_name),
        visible(&sample.rule_title)
    ))?;
    for why in &sample.why {
        super::alerts::print_why(why)?;
    }
    Ok(())
}

/// One object with the sums, then one for each hit.
fn print_json(answer: &LookedBack) -> anyhow::Result<()> {
    let rules = answer.rules.iter().map(|rule| {
        json!({ "id": rule.id, "title": rule.title, "level": rule.level, "hits": rule.hits })
    });
    let devices = answer
        .devices
        .iter()
        .map(|device| json!({ "device": device.device.to_string(), "hits": device.hits }));
    let fields = answer.fields.iter().map(
        |field| json!({ "field": field.field, "distinct": field.distinct, "values": field.values }),
    );
    let exclusions = answer.exclusions.iter().map(
        |one| json!({ "field": one.field, "value": one.value, "hits": one.hits, "text": one.text }),
    );
    let sums = json!({
        "from": answer.range.from,
        "to": answer.range.to,
        "events": answer.events,
        "events_read": answer.events_read,
        "hits": answer.hits,
        "rules": rules.collect::<Vec<_>>(),
        "days": answer.days,
        "devices": devices.collect::<Vec<_>>(),
        "devices_total": answer.devices_total,
        "fields": fields.collect::<Vec<_>>(),
        "exclusions": exclusions.collect::<Vec<_>>(),
        "remarks": answer.remarks,
        "complete": answer.complete,
        "events_left_out": answer.events_left_out,
        "took_ms": answer.took_ns / 1_000_000,
    });
    print_line(&serde_json::to_string(&sums)?)?;
    for sample in &answer.samples {
        let line = json!({
            "alert": sample.alert.to_string(),
            "rule_id": sample.rule_id,
            "device": sample.device.to_string(),
            "agent": sample.key.agent.to_string(),
            "epoch": sample.key.epoch.to_string(),
            "seq": sample.key.seq,
            "kind": sample.kind.name(),
            "observed_at": sample.observed_at,
            "why": sample.why,
        });
        print_line(&serde_json::to_string(&line)?)?;
    }
    flush()
}
