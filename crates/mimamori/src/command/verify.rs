//! `mimamori alerts verify` and `alerts test`: an alert judged again, and as a test of its rule.

use crate::cli::OneAlert;
use crate::layout::Layout;
use crate::terminal::{flush, note, print_line, visible};
use anyhow::bail;
use control::verify::{Verification, verify_alert};
use lake::{Access, Lake};
use std::process::ExitCode;

pub(crate) async fn verify(args: &OneAlert) -> anyhow::Result<ExitCode> {
    let verified = judged(args).await?;
    print(&verified)?;
    Ok(if verified.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    Ok(verify_alert(&lake, args.id).await?)
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
    for one in &verified.disagreements {
        print_line(&format!("disagrees  {}", visible(one)))?;
    }
    if verified.agrees() {
        print_line("agrees    the plain evaluator matches, and every reason of the alert holds")?;
    }
    flush()
}
