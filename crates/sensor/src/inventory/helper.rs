//! Running a program of the system that knows a database: fixed path, empty environment, and an end.

use crate::limits::{HELPER_BYTES_MAX, HELPER_MS_MAX};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

/// What a running program prints. It is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Printed {
    child: Child,
    stdout: ChildStdout,
    bytes_left: u64,
    ends_ms: u64,
}

/// Starts a program; what it prints is read from the answer, within the limits of [`crate::limits`].
pub(crate) fn start(program: &Path, arguments: &[&str]) -> io::Result<Printed> {
    start_within(program, arguments, HELPER_BYTES_MAX, HELPER_MS_MAX)
}

fn start_within(
    program: &Path,
    arguments: &[&str],
    bytes_max: u64,
    ms_max: u64,
) -> io::Result<Printed> {
    #[expect(
        clippy::disallowed_methods,
        reason = "rpm's database and apt's compressed lists have no other stable interface; the path is fixed"
    )]
    let mut command = std::process::Command::new(program);
    command.args(arguments).env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
    command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok(Printed { child, stdout, bytes_left: bytes_max, ends_ms: now_ms() + ms_max })
}

impl Printed {
    /// Whether the program ended well; call it after everything was read.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        // It has closed its output; what it does now is none of our business for long.
        while now_ms() < self.ends_ms {
            if let Some(status) = self.child.try_wait()? {
                let words = format!("it ended with {status}");
                return if status.success() { Ok(()) } else { Err(io::Error::other(words)) };
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Read for Printed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left_ms = self.ends_ms.saturating_sub(now_ms());
        let timeout = Timespec {
            tv_sec: i64::try_from(left_ms / 1_000).unwrap_or(0),
            tv_nsec: i64::try_from(left_ms % 1_000 * 1_000_000).unwrap_or(0),
        };
        let mut fds = [PollFd::new(&self.stdout, PollFlags::IN)];
        if rustix::event::poll(&mut fds, Some(&timeout))? == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"));
        }
        let count = self.stdout.read(into)?;
        self.bytes_left = self
            .bytes_left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "it printed too much"))?;
        Ok(count)
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if let Err(err) = self.child.kill().and_then(|()| self.child.wait().map(|_| ())) {
            tracing::debug!(error = %err, "a helper program could not be ended");
        }
    }
}

fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_hangs_or_floods_is_ended() {
        let mut bytes = Vec::new();
        let mut sleeper = start_within(Path::new("/bin/sleep"), &["600"], 100, 50).expect("starts");
        let err = sleeper.read_to_end(&mut bytes).expect_err("hangs");
        assert_eq!(err.kind(), io::ErrorKind::TimedOut);
        let pid = sleeper.child.id();
        drop(sleeper);
        assert!(std::fs::metadata(format!("/proc/{pid}")).is_err());
        let mut flood = start_within(Path::new("/usr/bin/yes"), &[], 1_000, 5_000).expect("starts");
        assert_eq!(
            flood.read_to_end(&mut bytes).expect_err("floods").kind(),
            io::ErrorKind::FileTooLarge
        );
        let mut env = start(Path::new("/usr/bin/env"), &[]).expect("starts");
        let mut text = String::new();
        env.read_to_string(&mut text).expect("prints");
        assert_eq!(text, "LC_ALL=C.UTF-8\n");
        env.finish().expect("ends well");
    }
}
