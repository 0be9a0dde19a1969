//! The commands that build, start and test.

use crate::packages::{self, program};
use crate::{generate, postgres, root, target_directory};
use anyhow::{Context, bail};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// Builds and starts everything; this process becomes `mimamori up`.
pub(crate) fn up(options: &[String]) -> anyhow::Result<()> {
    packages::ensure(&packages::BUILD.iter().collect::<Vec<_>>())?;
    println!("building (the first time takes some minutes)");
    build_programs("dev")?;
    if !packages::is_root() {
        println!(
            "not root: the console and the server work, the agent says below what it cannot record"
        );
    }
    let mut command = program(program_file("debug", "mimamori")?);
    command.arg("up").args(options);
    Err(command.exec()).context("could not start mimamori")
}

/// Builds the three programs, with `--release` fully optimised.
pub(crate) fn build(options: &[String]) -> anyhow::Result<()> {
    packages::ensure(&packages::BUILD.iter().collect::<Vec<_>>())?;
    let (profile, folder) = match options {
        [] => ("dev", "debug"),
        [release] if release == "--release" => ("release", "release"),
        other => bail!("unknown options {other:?}; the only one is --release"),
    };
    build_programs(profile)?;
    println!("{}", program_file(folder, "mimamori")?.display());
    println!("{}", program_file(folder, "mimamori-agent")?.display());
    println!("{}", program_file(folder, "mimamori-inspect")?.display());
    Ok(())
}

/// Runs every test, or those whose name contains the filter.
pub(crate) fn test(filter: &[String]) -> anyhow::Result<()> {
    packages::ensure(&packages::BUILD.iter().chain(packages::TEST).collect::<Vec<_>>())?;
    let python = duckdb()?;
    // Both programs first: tests of the whole product run them. The selection is the same as below, so that
    // cargo settles on the same features and builds nothing twice.
    check(cargo().args(["test", "--workspace", "--locked", "--no-run"]))?;
    let database = postgres::Server::start()?;
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .env("MIMAMORI_DUCKDB_PYTHON", python)
        .env("MIMAMORI_TEST_POSTGRES", database.url());
    if !filter.is_empty() {
        command.arg("--").args(filter);
    }
    check(&mut command)
}

/// Formatting, clippy, generated files.
pub(crate) fn lint() -> anyhow::Result<()> {
    packages::ensure(&packages::BUILD.iter().collect::<Vec<_>>())?;
    generate::run(true)?;
    check(cargo().args(["fmt", "--all", "--check"]))?;
    check(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Runs the benchmarks; `bench rsigma` the comparison with that engine, `bench inventory` the store's part of a
/// company's inventory on both databases.
pub(crate) fn bench(options: &[String]) -> anyhow::Result<()> {
    packages::ensure(&packages::BUILD.iter().collect::<Vec<_>>())?;
    if options.first().is_some_and(|first| first == "rsigma") {
        return bench_rsigma();
    }
    if options.first().is_some_and(|first| first == "inventory") {
        return bench_inventory();
    }
    let packages = ["-p", "testkit", "-p", "software"];
    let benches = ["--bench", "detection", "--bench", "company"];
    check(cargo().args(["bench", "--locked"]).args(packages).args(benches).args(options))
}

/// In the everyday build, as it is tested and run by `up`.
fn bench_inventory() -> anyhow::Result<()> {
    let bench = ["test", "--workspace", "--locked", "--bench", "inventory"];
    check(cargo().args(bench).env_remove("MIMAMORI_TEST_POSTGRES"))?;
    let database = postgres::Server::start()?;
    check(cargo().args(bench).env("MIMAMORI_TEST_POSTGRES", database.url()))
}

/// Builds the other engine as its authors publish it and a program that runs both, apart from the workspace.
fn bench_rsigma() -> anyhow::Result<()> {
    let (folder, data) = (target_directory()?.join("bench-rsigma"), root().join("../shared/data"));
    if !data.is_dir() {
        bail!("the comparison needs the shared test data in {}", data.display());
    }
    let theirs = folder.join("bin/rsigma");
    if !theirs.is_file() {
        check(
            cargo()
                .args(["install", "rsigma", "--version", "0.23.0", "--locked"])
                .args(["--features", "evtx,daachorse-index", "--root"])
                .arg(&folder)
                .env("CARGO_TARGET_DIR", folder.join("target")),
        )?;
    }
    let mut command = cargo();
    command
        .args([
            "run",
            "--release",
            "--locked",
            "--manifest-path",
            "benches/rsigma/Cargo.toml",
            "--",
        ])
        .arg(&data)
        .arg(&theirs)
        .env("CARGO_TARGET_DIR", folder.join("target"));
    let ours = program_file("release", "mimamori")?;
    if ours.is_file() {
        command.arg(ours);
    }
    check(&mut command)
}

fn build_programs(profile: &str) -> anyhow::Result<()> {
    check(cargo().args([
        "build",
        "--locked",
        "--profile",
        profile,
        "-p",
        "mimamori",
        "-p",
        "mimamori-agent",
        "-p",
        "mimamori-inspect",
    ]))
}

fn program_file(folder: &str, name: &str) -> anyhow::Result<PathBuf> {
    Ok(target_directory()?.join(folder).join(name))
}

/// A Python with the official DuckDB and its DuckLake extension, made once beside the build output.
fn duckdb() -> anyhow::Result<PathBuf> {
    let home = target_directory()?.join("duckdb-oracle");
    let python = home.join("bin/python");
    let wanted = root().join("crates/lake/tests/requirements.txt");
    let stamp = home.join("requirements.txt");
    let list =
        std::fs::read(&wanted).with_context(|| format!("could not read {}", wanted.display()))?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == list) {
        return Ok(python);
    }
    println!("installing the official DuckDB into {}", home.display());
    check(program("python3").args(["-m", "venv"]).arg(&home))?;
    check(program(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&wanted))?;
    std::fs::write(&stamp, list).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(python)
}

fn cargo() -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command to its end; an error names it.
pub(crate) fn check(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("could not run {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
