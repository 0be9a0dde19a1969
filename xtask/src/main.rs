//! Set-up, run, test, bench, release. `cargo xtask help` lists the commands.
#![expect(clippy::print_stdout, reason = "a command-line tool speaks to its user on the terminal")]
#![expect(clippy::print_stderr, reason = "a command-line tool speaks to its user on the terminal")]

mod generate;
mod packages;
mod postgres;
mod run;

use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  up [OPTIONS]     install what is missing, build, and start everything on this machine
                   (options are those of `mimamori up`; --help lists them)
  test [FILTER]    install what tests need and run every test
  lint             formatting, clippy with warnings denied, generated files current
  build            the programs in the fast-to-build profile
  build --release  the programs fully optimised (takes half an hour on two cores)
  bench            the benchmarks; docs/benchmarks.md says what they measure
  bench inventory  the inventory of a company in the store, on SQLite and on PostgreSQL
  bench rsigma     the same rules and events side by side with rsigma, which is built for it
  generate         make what is made from crates/model/fields.toml
  help             this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        None => ("help", &[][..]),
        Some((command, rest)) => (command.as_str(), rest),
    };
    let outcome = match command {
        "up" => run::up(rest),
        "test" => run::test(rest),
        "lint" => run::lint(),
        "build" => run::build(rest),
        "bench" => run::bench(rest),
        "generate" => generate::run(false),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(anyhow::anyhow!("unknown command {other}\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("xtask: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace that this was started in. Asked at run time: build output may be shared by
/// several clones, and the program may have been built from another one.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().expect("invariant: xtask lies in a folder of the workspace").to_owned()
}

/// Where cargo builds: outside the clone when `CARGO_TARGET_DIR` says so.
fn target_directory() -> anyhow::Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(folder).context("CARGO_TARGET_DIR is not a path"),
        None => Ok(root().join("target")),
    }
}
