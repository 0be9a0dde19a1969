//! `mimamori rules list` and `rules health`: which rules a server of this data folder uses, and how they are.

use crate::cli::{self, Format};
use crate::command::admin::open;
use crate::layout::Layout;
use crate::rule_packs::RuleSources;
use crate::terminal::{flush, note, print_line, print_table, visible};
use control::Control;
use control::view::backtest::RuleInForce;
use control::view::rule_health::RuleHealth;
use control::view::rulebook::Rulebook;
use model::Clock;
use serde_json::json;
use std::process::ExitCode;

/// The rules as the server puts them together, known to a use of control.
struct InUse {
    control: Control,
    book: Rulebook,
    rules: Vec<RuleInForce>,
    refused: usize,
}

async fn in_use(args: &cli::RulesOfData, clock: &dyn Clock) -> anyhow::Result<InUse> {
    let layout = Layout::existing(&args.data.directory)?;
    let sources = RuleSources::gather(&layout, &args.rules)?;
    let control = open(&args.data).await?;
    control.use_rule_list_files(sources.lists.clone());
    let book = control.rulebook().await?;
    let compiled = sources.files.compile_with(&book, clock.now().utc_day());
    let rules = RuleInForce::of(&compiled);
    control.show_rules(rules.clone());
    let refused = compiled.refused.len() + sources.files.unreadable.len();
    Ok(InUse { control, book, rules, refused })
}

impl InUse {
    /// Where the rule is in its life, in a word.
    fn stage(&self, rule: &RuleInForce) -> &'static str {
        if !rule.active {
            return "not evaluated";
        }
        self.book.life(&rule.id, &rule.source).map_or("all", |life| life.stage.name())
    }
}

fn wanted(rule: &RuleInForce, words: &[String]) -> bool {
    words.iter().all(|word| {
        let word = word.to_lowercase();
        [&rule.id, &rule.title, &rule.source].iter().any(|text| text.to_lowercase().contains(&word))
    })
}

pub(super) async fn list(args: &cli::RulesOfData, clock: &dyn Clock) -> anyhow::Result<ExitCode> {
    let in_use = in_use(args, clock).await?;
    let rules = in_use.rules.iter().filter(|rule| wanted(rule, &args.words));
    match args.format {
        Format::Jsonl => {
            for rule in rules {
                let line = json!({
                    "id": rule.id, "title": rule.title, "level": rule.level.name(),
                    "stage": in_use.stage(rule), "status": rule.status, "source": rule.source,
                    "revision": rule.revision, "correlation": rule.correlation,
                    "filters": rule.filters.iter().map(|(id, _)| id).collect::<Vec<_>>(),
                });
                print_line(&line.to_string())?;
            }
        }
        Format::Table => {
            let cells = |rule: &RuleInForce| {
                vec![
                    rule.level.name().to_owned(),
                    in_use.stage(rule).to_owned(),
                    visible(&rule.title),
                    visible(&rule.id),
                    visible(&rule.source),
                ]
            };
            let rows: Vec<Vec<String>> = rules.map(cells).collect();
            print_table(&["level", "stage", "rule", "id", "source"], &rows)?;
            if in_use.refused > 0 {
                note(&format!(
                    "{} refused; `mimamori rules check` with their folder says why",
                    in_use.refused
                ));
            }
        }
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn health(args: &cli::RulesHealth, clock: &dyn Clock) -> anyhow::Result<ExitCode> {
    let in_use = in_use(&args.of, clock).await?;
    let all = in_use.control.rule_health_here().await?;
    let unfed = |health: &RuleHealth| {
        health.supply.as_ref().is_some_and(|supply| !supply.is_whole()) || !args.unfed
    };
    let rows = in_use.rules.iter().zip(&all);
    let rows = rows.filter(|(rule, health)| wanted(rule, &args.of.words) && unfed(health));
    match args.of.format {
        Format::Jsonl => {
            for (rule, health) in rows {
                print_line(&as_json(rule, health, in_use.stage(rule)).to_string())?;
            }
        }
        Format::Table => {
            let cells = |(rule, health): (&RuleInForce, &RuleHealth)| {
                vec![
                    visible(&rule.title),
                    in_use.stage(rule).to_owned(),
                    supply(health),
                    health.last_match.map(|at| at.utc_day()).unwrap_or_default(),
                    health.matches_30d.to_string(),
                    health.filtered_30d.to_string(),
                    cost(health),
                ]
            };
            let rows: Vec<Vec<String>> = rows.map(cells).collect();
            let head = ["rule", "stage", "fed by", "last match", "30 days", "filtered", "ns/event"];
            print_table(&head, &rows)?;
        }
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Who feeds a rule, in a few words: the devices with its events, and the field that most of these lack.
fn supply(health: &RuleHealth) -> String {
    let Some(supply) = &health.supply else { return String::new() };
    let devices = format!("{} of {} devices", supply.with_source, supply.devices);
    let rarest = supply.fields.first().filter(|field| field.percent < 100);
    match rarest.filter(|_| supply.with_source > 0) {
        Some(field) => format!("{devices}; {} {} %", visible(&field.field), field.percent),
        None => devices,
    }
}

fn cost(health: &RuleHealth) -> String {
    health
        .cost_ps_per_event
        .map_or_else(String::new, |ps| format!("{}.{:03}", ps / 1_000, ps % 1_000))
}

fn as_json(rule: &RuleInForce, health: &RuleHealth, stage: &str) -> serde_json::Value {
    let supply = health.supply.as_ref().map(|supply| {
        let fields = supply.fields.iter().map(|field| {
            json!({ "field": field.field, "devices": field.devices, "percent": field.percent })
        });
        json!({
            "devices": supply.devices,
            "with_source": supply.with_source,
            "fields": fields.collect::<Vec<_>>(),
        })
    });
    json!({
        "id": rule.id, "title": rule.title, "stage": stage, "supply": supply,
        "last_match": health.last_match.map(|at| at.to_string()),
        "matches_30d": health.matches_30d, "devices_30d": health.devices_30d,
        "filtered_30d": health.filtered_30d, "asked_per_million": health.asked_per_million,
        "cost_ps_per_event": health.cost_ps_per_event,
        "cost_share_bp": health.cost_share,
    })
}
