//! What the machine must have beside Rust. As root, missing Debian packages are installed without asking,
//! after saying which; otherwise the command to run is printed.

use anyhow::{Context, bail};
use std::process::Command;

/// A Debian package and what it is for.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
}

/// What building needs.
pub(crate) const BUILD: &[Package] = &[
    Package { name: "clang", reason: "compiles the kernel programs (BPF)" },
    Package { name: "libbpf-dev", reason: "their header files" },
    Package { name: "gcc", reason: "compiles SQLite and zstd" },
    Package { name: "libc6-dev", reason: "the system's header files" },
];

/// What tests need beyond that.
pub(crate) const TEST: &[Package] = &[
    Package { name: "chromium", reason: "browser tests" },
    Package { name: "chromium-driver", reason: "browser tests" },
    Package { name: "fonts-noto-cjk", reason: "Japanese text in browser tests" },
    Package {
        name: "python3-venv",
        reason: "runs the official DuckDB that reads our lake in a test",
    },
];

/// Makes sure that the packages are there.
pub(crate) fn ensure(packages: &[&Package]) -> anyhow::Result<()> {
    if !is_debian() {
        println!("this is not a Debian or Ubuntu system; these must be there under its own names:");
        for package in packages {
            println!("  {:16} {}", package.name, package.reason);
        }
        return Ok(());
    }
    let missing: Vec<&Package> =
        packages.iter().copied().filter(|package| !installed(package.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("missing Debian packages:");
    for package in &missing {
        println!("  {:16} {}", package.name, package.reason);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !is_root() {
        bail!(
            "install them and start again:\n  sudo apt-get install --no-install-recommends {}",
            names.join(" ")
        );
    }
    println!("installing them");
    if apt(&["install"], &names).is_err() {
        // A fresh machine has no package lists yet.
        apt(&["update"], &[])?;
        apt(&["install"], &names)?;
    }
    Ok(())
}

fn apt(verb: &[&str], names: &[&str]) -> anyhow::Result<()> {
    let mut command = program("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(verb).args([
        "-y",
        "-qq",
        "--no-install-recommends",
    ]);
    command.args(names);
    super::run::check(&mut command)
}

#[expect(clippy::disallowed_methods, reason = "this tool exists to run other programs")]
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(name)
}

fn is_debian() -> bool {
    program("dpkg-query").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn installed(name: &str) -> bool {
    program("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", name])
        .output()
        .is_ok_and(|output| output.status.success() && output.stdout.starts_with(b"installed"))
}

/// Whether this process may install packages.
pub(crate) fn is_root() -> bool {
    let output = program("id").arg("-u").output().context("could not run `id -u`");
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
