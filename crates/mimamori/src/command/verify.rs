//! `mimamori alerts show`, `alerts verify` and `alerts test`: an alert in sentences, judged again, and as a test of
//! its rule.

use crate::cli::OneAlert;
use crate::layout::Layout;
use crate::rule_packs::RuleSources;
use crate::terminal::{flush, note, print_line, visible};
use anyhow::bail;
use control::verify::{CorrelationReplay, Verification, verify_alert};
use detect::plain::Lists;
use lake::{Access, Lake};
use std::process::ExitCode;

/// The exit code when nobody can say whether an alert is right: 0 is agreement and 1 is disagreement.
const CANNOT_SAY: u8 = 3;

pub(crate) async fn verify(args: &OneAlert) -> anyhow::Result<ExitCode> {
    let verified = judged(args).await?;
    print(&verified)?;
    Ok(match (verified.agrees(), &verified.unverifiable) {
        (true, _) => ExitCode::SUCCESS,
        (false, None) => ExitCode::FAILURE,
        (false, Some(_)) => ExitCode::from(CANNOT_SAY),
    })
}

pub(crate) async fn show(args: &OneAlert) -> anyhow::Result<ExitCode> {
    let verified = judged(args).await?;
    let alert = &verified.alert;
    print_line(&format!("alert     {}  {}", alert.id, visible(&alert.rule_title)))?;
    print_line(&format!("level     {}", alert.level.name()))?;
    print_line(&format!(
        "rule      {}  revision {}",
        visible(&alert.rule_id),
        alert.rule_revision
    ))?;
    print_line(&format!("device    {}", alert.device))?;
    print_line(&format!("observed  {}", alert.observed_at))?;
    let sentences = control::sentences(alert);
    for sentence in &sentences {
        print_line(&format!("  {}", visible(&sentence.en)))?;
    }
    for sentence in &sentences {
        print_line(&format!("  {}", visible(&sentence.ja)))?;
    }
    for why in &alert.why {
        super::alerts::print_why(why)?;
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn test_case(args: &OneAlert) -> anyhow::Result<ExitCode> {
    let verified = judged(args).await?;
    match verified.test_case() {
        Ok(text) => print_line(text.trim_end())?,
        Err(reason) => bail!("no test can be made of this alert: {reason}"),
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn judged(args: &OneAlert) -> anyhow::Result<Verification> {
    let layout = Layout::existing(&args.data.directory)?;
    let lake = Lake::open(&layout.lake(), Access::Read).await?;
    let verified = verify_alert(&lake, args.id, &Lists::new()).await?;
    if !verified.asks_for_lists() {
        return Ok(verified);
    }
    let control = super::admin::open(&args.data).await?;
    control.use_rule_list_files(RuleSources::gather(&layout, &[])?.lists);
    Ok(verify_alert(&lake, args.id, &control.rule_lists().await?).await?)
}

fn print(verified: &Verification) -> anyhow::Result<()> {
    let alert = &verified.alert;
    print_line(&format!("alert     {}  {}", alert.id, visible(&alert.rule_title)))?;
    print_line(&format!("revision  {}", alert.rule_revision))?;
    print_line(&format!("event     {:?} at {}", alert.stream, alert.observed_at))?;
    if !verified.event_stored {
        note("the event is no longer in the lake; the fields that the alert keeps were judged");
    }
    if let Ok(explanation) = &verified.explanation {
        let of = |filter: &Option<String>| match filter {
            None => String::new(),
            Some(title) => format!("filter {}: ", visible(title)),
        };
        let word = |held: bool| if held { "yes" } else { "no " };
        print_line(&format!("{}  log source", word(explanation.log_source)))?;
        for selection in &explanation.selections {
            let held = word(selection.held);
            print_line(&format!("{held}  {}{}", of(&selection.filter), visible(&selection.name)))?;
            let own = explanation
                .leaves
                .iter()
                .filter(|leaf| leaf.filter == selection.filter && leaf.selection == selection.name);
            for leaf in own {
                let field = leaf.field.as_deref().unwrap_or("any field");
                let chain = match leaf.modifier.as_str() {
                    "" => String::new(),
                    chain => format!("|{chain}"),
                };
                print_line(&format!(
                    "    {}  {}{} {}  ⇐ {}",
                    word(leaf.held),
                    visible(field),
                    visible(&chain),
                    visible(&leaf.pattern),
                    leaf.value.as_deref().map_or_else(|| "(missing)".to_owned(), visible)
                ))?;
            }
        }
        for filter in &explanation.filters {
            let held = word(filter.held);
            print_line(&format!("{held}  filter {} lets it pass", visible(&filter.title)))?;
        }
    }
    if let Some(replay) = &verified.replay {
        print_replay(replay)?;
    }
    if let Some(reason) = &verified.unverifiable {
        print_line(&format!("cannot verify  {}", visible(reason)))?;
    }
    for one in &verified.disagreements {
        print_line(&format!("disagrees  {}", visible(one)))?;
    }
    if verified.agrees() {
        print_line(match verified.replay {
            None => "agrees    the plain evaluator matches, and every reason of the alert holds",
            Some(_) => {
                "agrees    counted afresh, the events of the window satisfy the correlation in the same way"
            }
        })?;
    }
    flush()
}

/// What the replay of a correlation found.
fn print_replay(replay: &CorrelationReplay) -> anyhow::Result<()> {
    print_line(&format!("window    {} events of the rules' log sources, replayed", replay.events))?;
    if let Some(found) = &replay.found {
        let group: Vec<String> =
            found.group.iter().map(|(name, value)| format!("{name} {value}")).collect();
        print_line(&format!(
            "found     {} from {} events at {}  {}",
            found.measure,
            found.events.len(),
            found.at,
            visible(&group.join(", "))
        ))?;
    }
    Ok(())
}
