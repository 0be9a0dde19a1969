//! YARA-X rules: our own, shipped with the program, and those of a folder.
//!
//! A rule's metadata `severity` decides: `malware` denies, anything else asks a person to look. `description` says
//! what it found, `description_ja` the same in Japanese.

use crate::words::Cause;
use crate::{Finding, InspectError, Verdict, hashes, limits};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use yara_x::{Compiler, MetaValue, Rules, Scanner, SourceCode};

const OWN: &str = include_str!("../rules/own.yar");

/// Compiled rules.
pub struct YaraRules {
    rules: Rules,
}

impl std::fmt::Debug for YaraRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("YaraRules").finish_non_exhaustive()
    }
}

impl YaraRules {
    /// Our own rules and every `*.yar` and `*.yara` of a folder, which may be absent. `include` is off: a
    /// rule file reaches nothing but itself.
    ///
    /// # Errors
    /// [`InspectError::BadRule`] names the file and the compiler's words.
    pub fn read(folder: &Path) -> Result<Self, InspectError> {
        let mut sources = vec![(PathBuf::from("own.yar"), OWN.to_owned())];
        sources.extend(hashes::texts(folder, &["yar", "yara"])?);
        let mut compiler = Compiler::new();
        compiler.enable_includes(false).error_on_slow_pattern(true).error_on_slow_loop(true);
        for (path, text) in sources {
            let name = path.to_string_lossy().into_owned();
            compiler.new_namespace(&name);
            let source = SourceCode::from(text.as_str()).with_origin(name);
            if let Err(err) = compiler.add_source(source) {
                return Err(InspectError::BadRule { path, reason: err.to_string() });
            }
        }
        Ok(Self { rules: compiler.build() })
    }

    /// What the rules say of an open file.
    #[must_use]
    pub fn judge(&self, file: &File) -> Vec<Finding> {
        let mut scanner = Scanner::new(&self.rules);
        scanner.set_timeout(Duration::from_secs(limits::YARA_SECONDS_MAX));
        scanner.max_matches_per_pattern(limits::MATCHES_MAX);
        // The rules look at the very file that was hashed: by its descriptor, not by a name.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let results = match scanner.scan_file(&path) {
            Ok(results) => results,
            Err(err) => {
                return vec![finding(Verdict::Error, "", &Cause::YaraFailed(err.to_string()))];
            }
        };
        let mut findings: Vec<Finding> = results
            .matching_rules()
            .take(limits::MATCHES_MAX)
            .map(|rule| {
                let text = |wanted: &str| {
                    let mut values = rule.metadata().filter(|(key, _)| *key == wanted);
                    match values.next() {
                        Some((_, MetaValue::String(text))) => text.to_owned(),
                        _ => String::new(),
                    }
                };
                let malware = text("severity") == "malware";
                let verdict = if malware { Verdict::Malware } else { Verdict::Suspicious };
                let cause =
                    Cause::RuleMatched { en: text("description"), ja: text("description_ja") };
                finding(verdict, rule.identifier(), &cause)
            })
            .collect();
        if findings.is_empty() {
            findings.push(finding(Verdict::NoMatch, "", &Cause::NoRuleMatched));
        }
        findings
    }
}

fn finding(verdict: Verdict, name: &str, cause: &Cause) -> Finding {
    Finding::new("yara-x", verdict, name, cause.words())
}
