//! A local ClamAV, asked through its socket.

use crate::words::Cause;
use crate::{Finding, Verdict};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::path::Path;

/// What ClamAV says of an open file.
pub(crate) fn judge(socket: &Path, file: &File) -> Finding {
    let finding =
        |verdict, name: &str, cause: Cause| Finding::new("clamav", verdict, name, cause.words());
    let connection = clamav_client::Socket { socket_path: socket };
    match clamav_client::ping(connection) {
        Ok(_) => {}
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            let socket = socket.display().to_string();
            return finding(Verdict::Absent, "", Cause::NoClamav(socket));
        }
        Err(err) => return finding(Verdict::Error, "", Cause::ClamavFailed(err.to_string())),
    }
    // The very file that was hashed, by its descriptor; opened anew it begins at its start.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let answer = clamav_client::scan_file(path, connection, None);
    match answer.map(|answer| reading(&answer)) {
        Ok((verdict, name, cause)) => finding(verdict, &name, cause),
        Err(err) => finding(Verdict::Error, "", Cause::ClamavFailed(err.to_string())),
    }
}

/// `stream: OK`, `stream: NAME FOUND`, or an error of ClamAV's own, such as `INSTREAM size limit exceeded`.
fn reading(answer: &[u8]) -> (Verdict, String, Cause) {
    let text = String::from_utf8_lossy(answer);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let said = text.strip_prefix("stream:").unwrap_or(text).trim();
    if said == "OK" {
        return (Verdict::NoMatch, String::new(), Cause::ClamavKnowsNothing);
    }
    match said.strip_suffix("FOUND") {
        Some(name) => (Verdict::Malware, name.trim().to_owned(), Cause::ClamavFound),
        None => (Verdict::Error, String::new(), Cause::ClamavSaid(said.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_clamav_is_read_and_an_unknown_one_is_an_error() {
        let verdict = |answer: &str| reading(answer.as_bytes()).0;
        assert_eq!(verdict("stream: OK\0"), Verdict::NoMatch);
        assert_eq!(reading(b"stream: Eicar-Test FOUND\0").1, "Eicar-Test");
        assert_eq!(verdict("stream: Eicar-Test FOUND\0"), Verdict::Malware);
        assert_eq!(verdict("INSTREAM size limit exceeded. ERROR\0"), Verdict::Error);
        assert_eq!(verdict(""), Verdict::Error);
        assert_eq!(verdict("stream: NOT OK"), Verdict::Error);
    }
}
