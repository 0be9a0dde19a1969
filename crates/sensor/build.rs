//! Compiles the BPF programs with clang. They are built for every supported kernel at once: offsets are
//! corrected when they are loaded.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const SOURCES: [&str; 2] = ["sensor", "snapshot"];
const HEADERS: [&str; 3] = ["kernel.h", "records.h", "process.h"];

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    for header in HEADERS {
        println!("cargo:rerun-if-changed=bpf/{header}");
    }
    for source in SOURCES {
        println!("cargo:rerun-if-changed=bpf/{source}.bpf.c");
    }
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return ExitCode::SUCCESS;
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo:error={message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).map_err(|err| format!("{name}: {err}"));
    let arch = match variable("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => return Err(format!("the sensor knows x86_64 and aarch64, not {other}")),
    };
    if std::fs::metadata("/usr/include/bpf/bpf_helpers.h").is_err() {
        return Err("bpf/bpf_helpers.h is missing: install the Debian package libbpf-dev".into());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    for source in SOURCES {
        compile(arch, source, &out.join(format!("{source}.bpf.o")))?;
    }
    let object = std::fs::read(out.join("sensor.bpf.o")).map_err(|err| err.to_string())?;
    println!("cargo:rustc-env=MIMAMORI_BPF_HASH={:016x}", fnv1a(&object));
    Ok(())
}

fn compile(arch: &str, source: &str, object: &Path) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "the build runs the C compiler")]
    let mut clang = Command::new("clang");
    clang
        .args(["-O2", "-g", "-target", "bpf", "-Wall", "-Werror"])
        .arg(format!("-D__TARGET_ARCH_{arch}"))
        .args(["-fdebug-compilation-dir=.", "-idirafter", "/usr/include", "-c"])
        .arg(format!("{source}.bpf.c"))
        .arg("-o")
        .arg(object)
        .current_dir("bpf");
    let done = clang.output().map_err(|err| {
        format!("clang could not be started ({err}): install the Debian package clang")
    })?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!(
        "clang refused bpf/{source}.bpf.c (Debian packages clang and libbpf-dev are needed): {}",
        String::from_utf8_lossy(&done.stderr).replace('\n', " | ")
    ))
}

/// Tells objects apart, so that a start knows whether what it finds pinned is its own. No defence against
/// anybody: whoever can write the pins is root.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
