//! Stories of attacks, and what the rules cover.

use super::DataOption;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// Only this story; may be given several times. Without it: all of them
    #[arg(long = "story", value_name = "NAME")]
    pub(crate) stories: Vec<String>,
    /// List the stories and change nothing
    #[arg(long)]
    pub(crate) list: bool,
}

/// How the coverage is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverageFormat {
    /// For people
    Table,
    /// A layer for MITRE's ATT&CK Navigator
    Navigator,
}

#[derive(Debug, Args)]
pub(crate) struct RulesCoverage {
    /// Folders (or files) of Sigma rules. Without any: the rules that come along
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How the coverage is printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: CoverageFormat,
}
