//! Set-up, run, test, bench, release. `cargo xtask help` lists the commands.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its user on the terminal"
)]

mod generate;

fn main() -> anyhow::Result<()> {
    generate::run(false)
}

/// The root of the workspace.
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(1)
        .expect("invariant: xtask lies in the workspace")
        .to_owned()
}
