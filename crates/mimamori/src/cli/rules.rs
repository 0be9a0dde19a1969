//! Arguments of the commands that list rules and care for packs.

use super::{DataOption, Format};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Which rules, and how they are printed.
#[derive(Debug, Args)]
pub(crate) struct RulesOfData {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// Folder of further rules, as the server was given; may be given several times
    #[arg(long = "rules", value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Only rules with these words in id, title or file
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// How rules are printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct RulesHealth {
    #[command(flatten)]
    pub(crate) of: RulesOfData,
    /// Only rules that no device feeds, or that lack a field everywhere
    #[arg(long)]
    pub(crate) unfed: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesPack {
    /// Make a key pair: NAME.key signs and stays secret; NAME.pub is given to others, who put it into packs/trusted of
    /// their data folder
    Keygen(PackKeygen),
    /// Sign a pack: writes pack.sig over all files of the folder
    Sign(PackSign),
    /// Say whether a pack is what its author signed; exit 1 when it is not, or when the key is not trusted
    Verify(PackVerify),
}

#[derive(Debug, Args)]
pub(crate) struct PackKeygen {
    /// What the key is called
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where the two files go
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PackSign {
    /// The pack: a folder with pack.toml
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The secret key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PackVerify {
    /// The pack
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// A public key to trust besides those in packs/trusted of the data folder; may be given several times
    #[arg(long = "trust", value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
}
