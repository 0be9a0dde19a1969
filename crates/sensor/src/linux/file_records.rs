//! The records that fanotify writes, as `linux/fanotify.h` lays them out.
//!
//! ```text
//! event  u32 whole length | u8 version | u8 - | u16 length of this head | u64 mask | i32 fd | i32 pid
//! info   u8 type | u8 - | u16 whole length | 8 bytes file system | file handle | name, ended by a zero
//! handle u32 length | i32 type | bytes
//! ```

use super::sys::HANDLE_HEADER_BYTES;

/// An object of a file system: the system's id and the handle.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ObjectId {
    pub(crate) filesystem: [u8; 8],
    /// A whole `struct file_handle`.
    pub(crate) handle: Vec<u8>,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) directory: ObjectId,
    pub(crate) name: Vec<u8>,
}

/// One event of fanotify; several operations on one name may be merged in its mask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FileRecord {
    pub(crate) mask: u64,
    pub(crate) pid: u32,
    pub(crate) entry: Option<Entry>,
    pub(crate) old: Option<Entry>,
    pub(crate) new: Option<Entry>,
    pub(crate) object: Option<ObjectId>,
}

const HEAD_BYTES: usize = 24;

/// Takes the next event from the front of what was read; `Err` when the bytes make no sense, after which
/// nothing of the rest can be trusted.
pub(crate) fn next_record(bytes: &mut &[u8]) -> Option<Result<FileRecord, ()>> {
    if bytes.is_empty() {
        return None;
    }
    let read = read_record(bytes);
    if read.is_none() {
        *bytes = &[];
    }
    Some(read.ok_or(()))
}

fn read_record(bytes: &mut &[u8]) -> Option<FileRecord> {
    let length = u32_at(bytes, 0)? as usize;
    let version = *bytes.get(4)?;
    let head_bytes = usize::from(u16_at(bytes, 6)?);
    if version != libc::FANOTIFY_METADATA_VERSION || head_bytes < HEAD_BYTES {
        return None;
    }
    let (event, rest) = bytes.split_at_checked(length)?;
    let mut record = FileRecord {
        mask: u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?),
        pid: u32_at(event, 20)?,
        ..FileRecord::default()
    };
    let mut infos = event.get(head_bytes..)?;
    while !infos.is_empty() {
        let info_bytes = usize::from(u16_at(infos, 2)?);
        let (info, after) = infos.split_at_checked(info_bytes)?;
        read_info(info, &mut record)?;
        infos = after;
    }
    *bytes = rest;
    Some(record)
}

fn read_info(info: &[u8], record: &mut FileRecord) -> Option<()> {
    let kind = *info.first()?;
    let slot = match kind {
        libc::FAN_EVENT_INFO_TYPE_FID => None,
        libc::FAN_EVENT_INFO_TYPE_DFID_NAME => Some(&mut record.entry),
        libc::FAN_EVENT_INFO_TYPE_OLD_DFID_NAME => Some(&mut record.old),
        libc::FAN_EVENT_INFO_TYPE_NEW_DFID_NAME => Some(&mut record.new),
        // Other information is not asked for; a newer kernel may add some. Its length was enough.
        _ => return (info.len() >= 4).then_some(()),
    };
    let filesystem = info.get(4..12)?.try_into().ok()?;
    let handle_bytes = u32_at(info, 12)? as usize + HANDLE_HEADER_BYTES;
    let (handle, name) = info.get(12..)?.split_at_checked(handle_bytes)?;
    let object = ObjectId { filesystem, handle: handle.to_vec() };
    match slot {
        None => record.object = Some(object),
        Some(slot) => {
            let name = name.split(|byte| *byte == 0).next()?.to_vec();
            *slot = Some(Entry { directory: object, name });
        }
    }
    Some(())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Vec<u8> {
        let mut info = vec![libc::FAN_EVENT_INFO_TYPE_DFID_NAME, 0, 0, 0];
        info.extend_from_slice(b"FSIDFSID");
        info.extend_from_slice(&4u32.to_ne_bytes());
        info.extend_from_slice(&1i32.to_ne_bytes());
        info.extend_from_slice(b"hndlname.txt\0\0\0\0");
        let info_bytes = (info.len() as u16).to_ne_bytes();
        info[2..4].copy_from_slice(&info_bytes);
        let mut event = ((HEAD_BYTES + info.len()) as u32).to_ne_bytes().to_vec();
        event.extend_from_slice(&[libc::FANOTIFY_METADATA_VERSION, 0]);
        event.extend_from_slice(&(HEAD_BYTES as u16).to_ne_bytes());
        event.extend_from_slice(&libc::FAN_CREATE.to_ne_bytes());
        event.extend_from_slice(&(-1i32).to_ne_bytes());
        event.extend_from_slice(&42i32.to_ne_bytes());
        event.extend_from_slice(&info);
        event
    }

    #[test]
    fn events_are_read_one_after_the_other() {
        let twice = [made(), made()].concat();
        let mut rest = twice.as_slice();
        for _ in 0..2 {
            let record = next_record(&mut rest).expect("one").expect("sound");
            assert_eq!((record.mask, record.pid), (libc::FAN_CREATE, 42));
            let entry = record.entry.expect("named");
            assert_eq!(entry.name, b"name.txt");
            assert_eq!(entry.directory.handle.len(), HANDLE_HEADER_BYTES + 4);
        }
        assert_eq!(next_record(&mut rest), None);
    }

    #[test]
    fn a_broken_event_is_refused_and_never_panics() {
        let whole = made();
        for length in 1..whole.len() {
            let mut rest = &whole[..length];
            assert_eq!(next_record(&mut rest), Some(Err(())), "{length}");
            assert!(rest.is_empty());
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let mut rest = changed.as_slice();
                while next_record(&mut rest).is_some() {}
            }
        }
    }
}
