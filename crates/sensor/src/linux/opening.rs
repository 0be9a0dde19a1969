//! Opening the kernel part, and saying what it will record.

use super::files::Files;
use super::kernel::{KERNEL_CLASSES, Kernel};
use super::refusal::Refusal;
use super::ring::Ring;
use crate::limits::RING_BYTES_MIN;
use crate::{Coverage, Said, SensorError};
use model::Class;
use std::path::Path;

/// What could be recorded on this machine by this user: everything is tried, nothing is left behind.
#[must_use]
pub fn doctor() -> Coverage {
    let mut coverage = Coverage::empty();
    if let Err(err) = open_kernel(RING_BYTES_MIN, None, &mut coverage) {
        let reason = err.to_string();
        coverage.lacks(Class::Process, Said::new(reason.clone(), reason));
    }
    Files::probe(&mut coverage);
    coverage
}

/// The programs and their ring, as far as they can be had; the coverage says the rest.
pub(crate) fn open_kernel(
    ring_bytes: u32,
    pins: Option<&Path>,
    coverage: &mut Coverage,
) -> Result<(Option<Kernel>, Option<Ring>), SensorError> {
    let kernel = match Kernel::open(ring_bytes, pins) {
        Ok(kernel) => kernel,
        Err(Refusal::Fatal(err)) => return Err(err),
        Err(Refusal::Unavailable(said)) => {
            for class in KERNEL_CLASSES {
                coverage.lacks(class, said.clone());
            }
            return Ok((None, None));
        }
    };
    let ring = Ring::map(kernel.ring_fd(), kernel.ring_bytes())
        .map_err(|source| SensorError::Io { what: "mapping the kernel's ring".into(), source })?;
    coverage.records(
        Class::Process,
        Said::new(
            "start with all arguments and end, by BPF at kernel tracepoints",
            "カーネルのトレースポイント上の BPF によるプロセスの開始 (全引数) と終了",
        ),
    );
    coverage.lacks(
        Class::Process,
        Said::new("programs whose start failed", "起動に失敗したプログラム"),
    );
    if kernel.sees_connections() {
        coverage.records(
            Class::Network,
            Said::new(
                "connect and accept, IPv4 and IPv6, by BPF at the end of system calls",
                "システムコール終了時の BPF による接続と受け入れ (IPv4・IPv6)",
            ),
        );
        coverage.lacks(
            Class::Network,
            Said::new(
                "datagrams sent without connect, connections of 32-bit programs and those made through io_uring",
                "connect を伴わないデータグラム送信、32 ビットプログラムの接続、io_uring 経由の接続",
            ),
        );
    } else {
        coverage.lacks(
            Class::Network,
            Said::new(
                "the kernel refused the BPF program at the end of system calls",
                "システムコール終了時の BPF プログラムをカーネルが拒否しました",
            ),
        );
    }
    Ok((Some(kernel), Some(ring)))
}
