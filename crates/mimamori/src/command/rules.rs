//! `mimamori rules check` and `rules test`; `rules list`, `health` and `pack` below; `rules backtest` is next door.

mod health;
mod pack;

use crate::cli;
use crate::rule_files::{RuleFiles, RuleTests};
use crate::terminal::{flush, note, print_line, visible};
use anyhow::bail;
use model::Clock;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) async fn run(command: &cli::Rules, clock: Arc<dyn Clock>) -> anyhow::Result<ExitCode> {
    match command {
        cli::Rules::Backtest(args) => super::backtest::run(args, clock).await,
        cli::Rules::Check(paths) => check(paths),
        cli::Rules::Coverage(args) => super::coverage::run(args),
        cli::Rules::Health(args) => health::health(args, &*clock).await,
        cli::Rules::List(args) => health::list(args, &*clock).await,
        cli::Rules::Pack(command) => pack::run(command),
        cli::Rules::Test(paths) => test(paths),
    }
}

fn sources(paths: &cli::RulePaths) -> anyhow::Result<RuleFiles> {
    if paths.paths.is_empty() { Ok(RuleFiles::embedded()) } else { RuleFiles::read(&paths.paths) }
}

fn check(paths: &cli::RulePaths) -> anyhow::Result<ExitCode> {
    let sources = sources(paths)?;
    if sources.files.is_empty() && sources.unreadable.is_empty() {
        bail!("no .yml file there; name a folder of Sigma rules");
    }
    let compiled = sources.compile();
    for refused in &compiled.refused {
        print_line(&format!("refused  {}", visible(&refused.to_string())))?;
    }
    for file in &sources.unreadable {
        print_line(&format!("refused  {}: {}", visible(&file.name), visible(&file.reason.en)))?;
    }
    for lint in &compiled.lints {
        print_line(&format!("warning  {}", visible(&lint.to_string())))?;
    }
    let refused = compiled.refused.len() + sources.unreadable.len();
    print_line(&format!(
        "{} loaded: {} rules of events, {} correlations, {} filters; {refused} refused, {} warnings",
        compiled.rules.rules().len() + compiled.correlations.len() + compiled.filters.len(),
        compiled.rules.rules().len(),
        compiled.correlations.len(),
        compiled.filters.len(),
        compiled.lints.len()
    ))?;
    flush()?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn test(paths: &cli::RulePaths) -> anyhow::Result<ExitCode> {
    let sources = sources(paths)?;
    let tests =
        if paths.paths.is_empty() { RuleTests::embedded() } else { RuleTests::read(&paths.paths)? };
    let compiled = sources.compile();
    for refused in &compiled.refused {
        note(&format!("refused: {}", visible(&refused.to_string())));
    }
    let (mut passed, mut failed) = (0_usize, compiled.refused.len());
    let mut tested = std::collections::BTreeSet::new();
    for file in &tests.files {
        let parsed = match detect::testing::parse(&file.name, &file.text) {
            Ok(parsed) => parsed,
            Err(err) => {
                failed += 1;
                print_line(&format!("failed   {}", visible(&err.to_string())))?;
                continue;
            }
        };
        tested.insert(parsed.rule.clone());
        for outcome in detect::testing::run(&compiled, &parsed) {
            let passes = outcome.passed();
            passed += usize::from(passes);
            failed += usize::from(!passes);
            if !passes {
                print_line(&format!(
                    "failed   {}: {}",
                    visible(&file.name),
                    visible(&outcome.to_string())
                ))?;
            }
        }
    }
    for rule in compiled.rules.rules() {
        if !tested.contains(&rule.id) {
            print_line(&format!(
                "untested {} ({})",
                visible(&rule.title),
                visible(&rule.source_name)
            ))?;
        }
    }
    print_line(&format!("{passed} cases passed, {failed} failed"))?;
    flush()?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
