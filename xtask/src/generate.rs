//! Makes what is made from the field registry's data file: the Rust table and the documentation page.

use anyhow::{Context, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One `[[family]]` entry of `fields.toml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    column: String,
    sigma: String,
    #[serde(rename = "type")]
    ty: String,
    index: String,
    ocsf: String,
    ecs: String,
    ja: String,
    en: String,
    #[serde(default)]
    meaning: String,
}

/// The sections of `fields.toml` in the order of the tables.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    common: Vec<Entry>,
    process: Vec<Entry>,
    file: Vec<Entry>,
    registry: Vec<Entry>,
    network: Vec<Entry>,
    logon: Vec<Entry>,
    module: Vec<Entry>,
    other: Vec<Entry>,
    agent: Vec<Entry>,
    inventory: Vec<Entry>,
}

impl File {
    fn sections(&self) -> [(&'static str, Option<&'static str>, &[Entry]); 10] {
        [
            ("common", None, &self.common),
            ("process", Some("Process"), &self.process),
            ("file", Some("File"), &self.file),
            ("registry", Some("Registry"), &self.registry),
            ("network", Some("Network"), &self.network),
            ("logon", Some("Logon"), &self.logon),
            ("module", Some("Module"), &self.module),
            ("other", Some("Other"), &self.other),
            ("agent", Some("Agent"), &self.agent),
            ("inventory", Some("Inventory"), &self.inventory),
        ]
    }
}

/// Writes the generated files, or with `check` only compares and fails when one is not current.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let root = crate::root();
    let source = root.join("crates/model/fields.toml");
    let text = std::fs::read_to_string(&source)
        .with_context(|| format!("could not read {}", source.display()))?;
    let file: File =
        toml::from_str(&text).with_context(|| format!("{} is not valid", source.display()))?;
    for (path, content) in [
        (root.join("crates/model/src/registry/generated.rs"), rust_table(&file)?),
        (root.join("docs/fields.md"), page(&file)),
    ] {
        settle(&path, &content, check)?;
    }
    Ok(())
}

fn settle(path: &Path, content: &str, check: bool) -> anyhow::Result<()> {
    let current = std::fs::read_to_string(path).unwrap_or_default();
    if current == content {
        return Ok(());
    }
    if check {
        bail!("{} is not current: run `cargo xtask generate`", path.display());
    }
    std::fs::write(path, content).with_context(|| format!("could not write {}", path.display()))?;
    println!("wrote {}", PathBuf::from(path).display());
    Ok(())
}

fn rust_table(file: &File) -> anyhow::Result<String> {
    let mut out = String::from(
        "//! Made from `fields.toml` by `cargo xtask generate`. Edit that file, not this one.\n\n\
         use super::{FieldSpec, FieldType, IndexKind};\nuse crate::Family;\n\n\
         #[rustfmt::skip]\npub(super) const FIELDS: &[FieldSpec] = &[\n",
    );
    for (section, family, entries) in file.sections() {
        let family =
            family.map_or_else(|| "None".to_owned(), |name| format!("Some(Family::{name})"));
        for entry in entries {
            let ty = match entry.ty.as_str() {
                "text" => "Text",
                "text_list" => "TextList",
                "int" => "Int",
                "bool" => "Bool",
                other => {
                    bail!("fields.toml: {section}.{} has the unknown type {other}", entry.column)
                }
            };
            let index = match entry.index.as_str() {
                "none" => "None",
                "minmax" => "MinMax",
                "bloom" => "Bloom",
                "trigram" => "Trigram",
                other => {
                    bail!("fields.toml: {section}.{} has the unknown index {other}", entry.column)
                }
            };
            writeln!(
                out,
                "    FieldSpec {{ family: {family}, column: {:?}, sigma: {:?}, ty: FieldType::{ty}, index: IndexKind::{index}, ocsf: {:?}, ecs: {:?}, label_ja: {:?}, label_en: {:?} }},",
                entry.column, entry.sigma, entry.ocsf, entry.ecs, entry.ja, entry.en
            )?;
        }
    }
    out.push_str("];\n");
    Ok(out)
}

fn page(file: &File) -> String {
    let mut out = String::from(
        "# Fields\n\nMade from `crates/model/fields.toml` by `cargo xtask generate`. Edit that file, not this one.\n\n\
         Rules and the search bar speak the Sigma name; SQL speaks the column. Fields of an event that stand in no \
         table here are kept in the column `extra`.\n",
    );
    for (section, _, entries) in file.sections() {
        let title = if section == "common" { "Every table" } else { section };
        out.push_str(&format!(
            "\n## {title}\n\n| column | Sigma | type | index | OCSF 1.8 | ECS | 日本語 | English |\n|---|---|---|---|---|---|---|---|\n"
        ));
        for entry in entries {
            out.push_str(&format!(
                "| `{}` | `{}` | {} | {} | `{}` | `{}` | {} | {} |\n",
                entry.column,
                entry.sigma,
                entry.ty,
                entry.index,
                entry.ocsf,
                entry.ecs,
                entry.ja,
                entry.en
            ));
        }
        for (place, entry) in entries.iter().filter(|entry| !entry.meaning.is_empty()).enumerate() {
            let gap = if place == 0 { "\n" } else { "" };
            out.push_str(&format!("{gap}- `{}`: {}\n", entry.sigma, entry.meaning));
        }
    }
    out
}
