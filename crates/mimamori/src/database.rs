//! Which database holds the state: the one named at the start, or the one used last.

use crate::layout::Layout;
use anyhow::Context as _;
use control::StoreAddress;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

/// The address that was given, which is remembered for the commands beside the server and for the next start;
/// without one, what was remembered, or else the file in the data folder.
pub(crate) fn address(layout: &Layout, given: Option<&str>) -> anyhow::Result<StoreAddress> {
    let path = layout.database_address();
    if let Some(url) = given {
        let address = StoreAddress::parse(url)?;
        // It may hold a password: for the owner of the data only, as everything beside it.
        let written = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(url.as_bytes()));
        written.with_context(|| format!("could not write {}", path.display()))?;
        return Ok(address);
    }
    match std::fs::read_to_string(&path) {
        Ok(url) => StoreAddress::parse(&url)
            .with_context(|| format!("{} holds no address; name --database", path.display())),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            Ok(StoreAddress::in_folder(&layout.server()))
        }
        Err(err) => Err(err).with_context(|| format!("could not read {}", path.display())),
    }
}
