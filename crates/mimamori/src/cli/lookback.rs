//! Arguments of the commands that look back: `rules backtest` and `alerts verify`.

use super::{DataOption, Format};
use clap::{Args, Subcommand};
use model::AlertId;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct RulesBacktest {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The rule: a file of Sigma rules, correlations and filters
    #[arg(value_name = "RULE")]
    pub(crate) rule: PathBuf,
    /// A file with a filter to try together with the rule; may be given several times
    #[arg(long = "filter", value_name = "FILE")]
    pub(crate) filters: Vec<PathBuf>,
    /// Folder of further rules, as the server was given, for correlations that refer to them; may be given several
    /// times
    #[arg(long = "rules", value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// How far to look back: a number and m, h or d
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = span_ns)]
    pub(crate) last: i64,
    /// Where days begin, by the IANA name of a time zone
    #[arg(long, value_name = "ZONE", default_value = "Asia/Tokyo")]
    pub(crate) time_zone: String,
    /// Show this many hits with their explanation
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) rows: usize,
    /// How the answer is printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsAct {
    /// The findings that alerts fold into, one for each rule, the most severe first
    Findings(FoldedAlerts),
    /// An alert with why it is one, in sentences (English and Japanese)
    Show(OneAlert),
    /// Judge an alert again, from the stored events by the rule stored with it, with a second, simple
    /// evaluator; exit 1 when it does not agree, 3 when nobody can say
    Verify(OneAlert),
    /// Print a test for the rule that expects what an alert says, to lie beside the rule as <rule>.test.yml
    Test(OneAlert),
}

#[derive(Debug, Args)]
pub(crate) struct FoldedAlerts {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// Those that were judged, instead of those that are open
    #[arg(long)]
    pub(crate) closed: bool,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) rows: usize,
    /// How they are printed; jsonl is OCSF Detection Finding (class 2004)
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct OneAlert {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The alert
    #[arg(value_name = "ID", value_parser = alert)]
    pub(crate) id: AlertId,
}

fn alert(text: &str) -> Result<AlertId, String> {
    AlertId::parse(text).map_err(|err| err.to_string())
}

/// Nanoseconds of a span such as `30d`.
fn span_ns(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no span; write a number and m, h or d, such as 30d");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds: i64 = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| wrong())?;
    let span = number.checked_mul(seconds * 1_000_000_000).filter(|span| *span > 0);
    span.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!(span_ns("30d"), Ok(30 * 86_400 * 1_000_000_000));
        assert_eq!(span_ns("5m"), Ok(300_000_000_000));
        for wrong in ["", "d", "0d", "-1d", "1w", "1日", "99999999999d", "1.5h"] {
            assert!(span_ns(wrong).is_err(), "{wrong}");
        }
    }
}
