//! Names of local users. `/etc/passwd` is read directly: a name service could call the network.

use crate::limits::SMALL_FILE_BYTES_MAX;
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

/// Names by number, read again when the file has changed.
pub(crate) struct Users {
    path: PathBuf,
    names: HashMap<u32, String>,
    modified: Option<SystemTime>,
    looked_ns: Option<u64>,
}

impl Users {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), names: HashMap::new(), modified: None, looked_ns: None }
    }

    /// The name of a user, or the number as text when there is none.
    pub(crate) fn name(&mut self, uid: u32, now_ns: u64) -> String {
        const LOOK_EVERY_NS: u64 = 2_000_000_000;
        if self.looked_ns.is_none_or(|looked| now_ns.saturating_sub(looked) > LOOK_EVERY_NS) {
            self.looked_ns = Some(now_ns);
            self.look();
        }
        self.names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    fn look(&mut self) {
        let modified = std::fs::metadata(&self.path).and_then(|meta| meta.modified()).ok();
        if modified.is_some() && modified == self.modified {
            return;
        }
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&self.path)
            .and_then(|file| file.take(SMALL_FILE_BYTES_MAX).read_to_end(&mut bytes));
        match read {
            Ok(_) => {
                self.names = parse(&String::from_utf8_lossy(&bytes));
                self.modified = modified;
            }
            Err(err) => {
                tracing::debug!(path = %self.path.display(), error = %err, "no names of users");
            }
        }
    }
}

fn parse(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut parts = line.split(':');
        let (Some(name), Some(_), Some(uid)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if let Ok(uid) = uid.parse() {
            // The first name of a number counts, as for the C library.
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts_and_nonsense_is_skipped() {
        let names = parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad\nx:y:z\n");
        assert_eq!(names.len(), 1);
        assert_eq!(names.get(&0).map(String::as_str), Some("root"));
    }
}
