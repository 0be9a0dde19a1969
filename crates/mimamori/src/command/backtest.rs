//! `mimamori rules backtest`: what a rule would have done.

use super::admin::open;
use crate::cli::{Format, RulesBacktest};
use crate::layout::Layout;
use crate::rule_packs::RuleSources;
use crate::signals::{StopSignals, stop_signals};
use crate::terminal::{flush, note, print_line, visible};
use anyhow::Context as _;
use control::backtest::{BacktestQuery, Ground, LookBack};
use control::view::TimeRange;
use control::view::backtest::{LookedBack, RefusedRule, RuleInForce, SampleHit};
use detect::columnar::References;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lake::{Access, Lake};
use model::Clock;
use serde_json::json;
use std::io::IsTerminal as _;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How a program ends that an interrupt ended.
const INTERRUPTED: u8 = 130;
/// How often it is shown how far a look back is, and for how long nothing is shown at first.
const SHOWN_EVERY: Duration = Duration::from_secs(1);
/// Where no bar can be drawn.
const ROUNDS_BETWEEN_LINES: u32 = 5;
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
    let ground = ground(args, &query, &*clock).await?;
    let look = match LookBack::prepare(&lake, clock, query, ground).await? {
        Ok(look) => look,
        Err(refused) => {
            for refused in &refused {
                print_line(&refused_line(args, refused))?;
            }
            flush()?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let (answer, interrupted) = watched(&look, stop_signals()?).await?;
    match args.format {
        Format::Table => print_for_people(&answer)?,
        Format::Jsonl => print_json(&answer)?,
    }
    let (looked_at, of) = look.progress();
    if interrupted && !answer.complete {
        note(&format!("interrupted: {} were looked at, the newest first", so_far(looked_at, of)));
    } else if !answer.complete {
        note(&format!(
            "time ran out: {} were looked at, the newest first; ask for a shorter time",
            so_far(looked_at, of)
        ));
    }
    if answer.events_left_out > 0 {
        let left_out = answer.events_left_out;
        note(&format!(
            "{left_out} events of the correlation were left out: its rules match too often"
        ));
    }
    let cut = interrupted && !answer.complete;
    Ok(if cut { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Waits for the answer and says how far it is. A first signal ends it, and what was seen is the answer; after a
/// second one nothing is.
async fn watched(look: &LookBack, mut stop: StopSignals) -> anyhow::Result<(LookedBack, bool)> {
    let mut answer = pin!(look.answer());
    let mut shown = Shown::default();
    let mut interrupted = false;
    loop {
        tokio::select! {
            answer = &mut answer => {
                shown.end();
                return Ok((answer?, interrupted));
            }
            () = stop.recv() => {
                anyhow::ensure!(!interrupted, "interrupted twice: nothing is shown");
                interrupted = true;
                look.end();
            }
            () = tokio::time::sleep(SHOWN_EVERY) => shown.show(look.progress()),
        }
    }
}

/// How far it is, on standard error: a bar on a terminal, a line now and then elsewhere. Nothing in the first second.
#[derive(Default)]
struct Shown {
    rounds: u32,
    bar: Option<ProgressBar>,
}

impl Shown {
    fn show(&mut self, (looked_at, of): (u64, u64)) {
        let round = self.rounds;
        self.rounds += 1;
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| bar(of));
            bar.set_position(looked_at);
            bar.tick();
        } else if round.is_multiple_of(ROUNDS_BETWEEN_LINES) {
            note(&format!("{} looked at, the newest first", so_far(looked_at, of)));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(of: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} events  {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr()).with_style(style)
}

fn so_far(looked_at: u64, of: u64) -> String {
    format!("{} of {} events", HumanCount(looked_at), HumanCount(of))
}

/// What the texts refer to besides themselves, as the server puts it together; it is read only when they do.
async fn ground(
    args: &RulesBacktest,
    query: &BacktestQuery,
    clock: &dyn Clock,
) -> anyhow::Result<Ground> {
    let refers = !References::of(&query.rule_text).missing.is_empty();
    let mut texts = query.filters.iter().chain([&query.rule_text]);
    if !refers && !texts.any(|text| text.contains("expand")) {
        return Ok(Ground::default());
    }
    let layout = Layout::existing(&args.data.directory)?;
    let sources = RuleSources::gather(&layout, &args.rules)?;
    let control = open(&args.data).await?;
    control.use_rule_list_files(sources.lists.clone());
    let book = control.rulebook().await?;
    let lists = control.rule_lists().await?;
    if !refers {
        return Ok(Ground { lists, ..Ground::default() });
    }
    let compiled = sources.files.compile_with(&book, clock.now().utc_day());
    let rules = RuleInForce::of(&compiled).into_iter().map(Arc::new).collect();
    Ok(Ground { lists, rules })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!("could not read {}; name a file with a Sigma rule", path.display())
    })
}

fn refused_line(args: &RulesBacktest, refused: &RefusedRule) -> String {
    let source = match refused.source.strip_prefix("filter ").and_then(|n| n.parse().ok()) {
        None if refused.source == "rule" => args.rule.display().to_string(),
        None => refused.source.clone(),
        Some(number) => {
            let place: usize = number;
            let filter = args.filters.get(place.saturating_sub(1));
            filter.map_or_else(String::new, |path| path.display().to_string())
        }
    };
    let line = refused.line.map_or_else(String::new, |line| format!(":{line}"));
    let (reason, remedy) = (visible(&refused.reason.en), visible(&refused.remedy.en));
    format!("refused  {}{line}: {reason}; {remedy}", visible(&source))
}

fn print_for_people(answer: &LookedBack) -> anyhow::Result<()> {
    for (line, said) in &answer.remarks {
        print_line(&format!("warning  line {line}: {}", visible(&said.en)))?;
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
        "remarks": answer.remarks.iter().map(|(line, said)| format!("{line}: {}", said.en)).collect::<Vec<_>>(),
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
