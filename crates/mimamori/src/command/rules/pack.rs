//! `mimamori rules pack`: keys, signing and verifying packs of rules.

use crate::cli;
use crate::layout::Layout;
use crate::rule_files::is_rule;
use crate::rule_packs::signature::{
    MANIFEST_FILE, SIGNATURE_FILE, digest, listing, new_key, read_secret, sign,
};
use crate::rule_packs::{Trusted, read_pack};
use crate::terminal::{flush, note, print_line, visible};
use anyhow::{Context, bail};
use control::view::rule_lists::PackTrust;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(command: &cli::RulesPack) -> anyhow::Result<ExitCode> {
    match command {
        cli::RulesPack::Keygen(args) => keygen(args),
        cli::RulesPack::Sign(args) => sign_pack(args),
        cli::RulesPack::Verify(args) => verify(args),
    }
}

fn keygen(args: &cli::PackKeygen) -> anyhow::Result<ExitCode> {
    let sound = |letter: char| letter.is_alphanumeric() || "-_.@".contains(letter);
    if args.name.is_empty() || args.name.starts_with('.') || !args.name.chars().all(sound) {
        bail!("a key's name has letters, digits and - _ . @ only");
    }
    let (secret, public) = new_key()?;
    let secret_file = args.out.join(format!("{}.key", args.name));
    let public_file = args.out.join(format!("{}.pub", args.name));
    // The public one first: a secret key whose public half is lost would be of no use.
    create(&public_file, &public, 0o644)?;
    create(&secret_file, &secret, 0o600)?;
    print_line(&format!("{}  keep it secret", secret_file.display()))?;
    print_line(&format!("{}  give it to whoever uses your packs", public_file.display()))?;
    flush()?;
    Ok(ExitCode::SUCCESS)
}

fn create(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).with_context(
            || format!("could not make {}; an existing key is not written over", path.display()),
        )?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("could not write {}", path.display()))
}

fn sign_pack(args: &cli::PackSign) -> anyhow::Result<ExitCode> {
    let key_pair = read_secret(&args.key)?;
    if !args.folder.join(MANIFEST_FILE).is_file() {
        bail!(
            "{} has no {MANIFEST_FILE}; write one with name, version, description, licence and authors",
            args.folder.display()
        );
    }
    let (listing, rules) = listing(&args.folder, is_rule)?;
    let path = args.folder.join(SIGNATURE_FILE);
    let draft = args.folder.join(format!("{SIGNATURE_FILE}.new"));
    if listing.contains_key(&format!("{SIGNATURE_FILE}.new")) {
        bail!("{} is in the way; remove it", draft.display());
    }
    std::fs::write(&draft, sign(&listing, &key_pair))
        .and_then(|()| std::fs::rename(&draft, &path))
        .with_context(|| format!("could not write {}", path.display()))?;
    print_line(&format!(
        "signed {} files, {} of them with rules: {}",
        listing.len(),
        rules.len(),
        digest(&listing)
    ))?;
    flush()?;
    Ok(ExitCode::SUCCESS)
}

fn verify(args: &cli::PackVerify) -> anyhow::Result<ExitCode> {
    let mut trusted = match Layout::existing(&args.data.directory) {
        Ok(layout) => Trusted::read(&layout.rule_packs().join("trusted"))?,
        Err(_) => Trusted::default(),
    };
    for key in &args.trust {
        trusted.add(key)?;
    }
    if !args.folder.is_dir() {
        bail!("{} is no folder; name the folder of a pack", args.folder.display());
    }
    let (pack, _) = match read_pack(&args.folder, &trusted) {
        Ok(read) => read,
        Err(err) => {
            note(&format!("refused: {}", visible(&format!("{err:#}"))));
            return Ok(ExitCode::FAILURE);
        }
    };
    let commit = match pack.commit.as_str() {
        "" => String::new(),
        commit => format!(", commit {commit}"),
    };
    print_line(&visible(&format!("{} {}{commit}", pack.name, pack.version)))?;
    let code = match pack.trust {
        PackTrust::Signed(name) => {
            print_line(&visible(&format!("signed by {name}: {}", pack.digest)))?;
            ExitCode::SUCCESS
        }
        _ => {
            print_line(&format!("not signed: {}", pack.digest))?;
            ExitCode::FAILURE
        }
    };
    flush()?;
    Ok(code)
}
