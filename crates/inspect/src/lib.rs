//! Judges one file on this machine: known hashes, YARA-X rules, ClamAV when it is installed.
