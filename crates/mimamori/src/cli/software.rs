//! `mimamori software` and `mimamori findings` as typed.

use super::{DataOption, Format};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Software {
    /// List the software of all devices by identity
    List(SoftwareList),
    /// Explain step by step which title a name is, and how it is judged
    Explain(SoftwareExplain),
    /// Read a spreadsheet of software (CSV) into the catalogue; without --commit-as nothing changes
    Import(SoftwareImport),
    /// Print the catalogue
    Export(SoftwareExport),
}

#[derive(Debug, Args)]
pub(crate) struct SoftwareList {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// Only names, publishers or identifiers with these words
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// Only with this judgement (unapproved, approved, denied …)
    #[arg(long, value_name = "NAME")]
    pub(crate) judgement: Option<String>,
    /// Only from this source (dpkg, chrome, executed …)
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) rows: usize,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// The same as --format jsonl
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SoftwareExplain {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The name as a device or a person writes it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Language of the steps
    #[arg(long, value_enum, default_value = "en")]
    pub(crate) language: Language,
    /// One JSON object per item, with every step in both languages
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Japanese
    Ja,
    /// English
    En,
}

#[derive(Debug, Args)]
pub(crate) struct SoftwareImport {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The spreadsheet as CSV (UTF-8, UTF-16 or Shift_JIS)
    #[arg(value_name = "CSV")]
    pub(crate) file: PathBuf,
    /// Import it; the decisions in it are made in this person's name
    #[arg(long, value_name = "NAME")]
    pub(crate) commit_as: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SoftwareExport {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// JSON instead of CSV
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Findings {
    /// List findings, the newest first
    List(FindingsList),
}

#[derive(Debug, Args)]
pub(crate) struct FindingsList {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// Only names with these words
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// Only of this kind (unapproved, portable, denied …)
    #[arg(long, value_name = "NAME")]
    pub(crate) kind: Option<String>,
    /// Only with this status (open, notified, verifying …)
    #[arg(long, value_name = "NAME")]
    pub(crate) status: Option<String>,
    /// Closed ones too
    #[arg(long)]
    pub(crate) closed: bool,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) rows: usize,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// The same as --format jsonl
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}
