//! Why the kernel part cannot be used, in words.

use crate::{Said, SensorError};
use std::io;

/// Why the kernel part cannot be used.
pub(crate) enum Refusal {
    /// Recording goes on without it, and says why.
    Unavailable(Said),
    /// The start must fail.
    Fatal(SensorError),
}

/// An error with its causes in one line, cut: the verifier's log alone can have a megabyte.
pub(crate) fn said(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    super::text::cut(&text.replace('\n', " | "), 600).to_owned()
}

/// A failure on something that is ours: the start fails.
pub(crate) fn io_refusal(what: &str, source: io::Error) -> Refusal {
    Refusal::Fatal(SensorError::Io { what: what.to_owned(), source })
}

/// The kernel or the user's rights do not allow it: recording goes on without.
pub(crate) fn unavailable(reason: &str) -> Refusal {
    let root = rustix::process::geteuid().is_root();
    let (en, ja) = if root {
        (
            format!("the kernel refused BPF ({reason}); Linux 5.8 or later with BTF is needed"),
            format!(
                "カーネルが BPF を拒否しました ({reason})。BTF を備えた Linux 5.8 以降が必要です"
            ),
        )
    } else {
        (
            format!("the agent does not run as root ({reason}); start it as root"),
            format!("エージェントが root で動いていません ({reason})。root で起動してください"),
        )
    };
    Refusal::Unavailable(Said { en, ja })
}
