//! The records of the ring, as `bpf/records.h` lays them out.

use crate::limits::{ARGUMENTS_BYTES_MAX, PATH_BYTES_MAX};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A process for ever: its number and when its leader began, in nanoseconds since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProcessKey {
    pub(crate) pid: u32,
    pub(crate) start_ns: u64,
}

/// Whose process it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) parent: ProcessKey,
    pub(crate) uid: u32,
    pub(crate) euid: u32,
    pub(crate) login_uid: Option<u32>,
    pub(crate) session: Option<u32>,
}

/// An executed program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exec {
    pub(crate) ids: Ids,
    pub(crate) image: Vec<u8>,
    pub(crate) image_in_memory: bool,
    pub(crate) image_deleted: bool,
    pub(crate) path_truncated: bool,
    pub(crate) directory: Vec<u8>,
    /// The arguments as the kernel keeps them, each ended by a zero; at most [`ARGUMENTS_BYTES_MAX`].
    pub(crate) arguments: Vec<u8>,
    /// How many bytes they really have.
    pub(crate) arguments_bytes: u64,
}

/// A connection, opened or accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) accepted: bool,
    pub(crate) uid: u32,
    pub(crate) result: i32,
    pub(crate) protocol: u16,
    pub(crate) local: (IpAddr, u16),
    pub(crate) remote: (IpAddr, u16),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Exec(Box<Exec>),
    Fork(Ids),
    Exit { ids: Ids, code: i32 },
    Connection(Connection),
}

/// One record of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: ProcessKey,
    /// When, in nanoseconds since boot.
    pub(crate) seen_ns: u64,
    pub(crate) what: What,
}

const IMAGE_TRUNCATED: u16 = 1 << 0;
const IMAGE_DETACHED: u16 = 1 << 1;
const IMAGE_DELETED: u16 = 1 << 2;
const CWD_TRUNCATED: u16 = 1 << 3;
const AUDIT_IDS: u16 = 1 << 6;
const UNSET: u32 = u32::MAX;

/// Takes numbers from the front of a record.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }
    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_ne_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }
}

/// The type of a record, for counting also what cannot be understood: whether it is a connection.
pub(crate) fn is_connection(bytes: &[u8]) -> bool {
    matches!(Bytes(bytes).u16(), Some(4 | 5))
}

/// Understands a record; `None` when its bytes are not those of `bpf/records.h`.
pub(crate) fn read(bytes: &[u8]) -> Option<Record> {
    let mut bytes = Bytes(bytes);
    let (kind, flags) = (bytes.u16()?, bytes.u16()?);
    let key = ProcessKey { pid: bytes.u32()?, start_ns: bytes.u64()? };
    let seen_ns = bytes.u64()?;
    let what = match kind {
        1 => What::Exec(Box::new(read_exec(&mut bytes, flags)?)),
        2 => What::Fork(read_ids(&mut bytes, flags)?),
        3 => What::Exit { ids: read_ids(&mut bytes, flags)?, code: bytes.i32()? },
        4 | 5 => What::Connection(read_connection(&mut bytes, kind == 5)?),
        _ => return None,
    };
    Some(Record { key, seen_ns, what })
}

fn read_ids(bytes: &mut Bytes<'_>, flags: u16) -> Option<Ids> {
    let start_ns = bytes.u64()?;
    let parent = ProcessKey { pid: bytes.u32()?, start_ns };
    let (uid, euid) = (bytes.u32()?, bytes.u32()?);
    let (login_uid, session) = (bytes.u32()?, bytes.u32()?);
    bytes.u32()?;
    let set = |id: u32| (flags & AUDIT_IDS != 0 && id != UNSET).then_some(id);
    Some(Ids { parent, uid, euid, login_uid: set(login_uid), session: set(session) })
}

fn read_exec(bytes: &mut Bytes<'_>, flags: u16) -> Option<Exec> {
    let ids = read_ids(bytes, flags)?;
    let arguments_bytes = bytes.u64()?;
    let (arguments, path, cwd) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
    bytes.u32()?;
    let (arguments, path, cwd) = (arguments as usize, path as usize, cwd as usize);
    if arguments > ARGUMENTS_BYTES_MAX || path > PATH_BYTES_MAX || cwd > PATH_BYTES_MAX {
        return None;
    }
    let image = join(bytes.take(path)?, flags & IMAGE_TRUNCATED != 0);
    let directory = join(bytes.take(cwd)?, flags & CWD_TRUNCATED != 0);
    let arguments = bytes.take(arguments)?.to_vec();
    let image_in_memory = flags & IMAGE_DETACHED != 0 && image.starts_with(b"/memfd:");
    Some(Exec {
        ids,
        image,
        image_in_memory,
        image_deleted: flags & IMAGE_DELETED != 0 && !image_in_memory,
        path_truncated: flags & (IMAGE_TRUNCATED | CWD_TRUNCATED) != 0,
        directory,
        arguments,
        arguments_bytes,
    })
}

/// A path of its components, leaf first and each ended by a zero. A truncated one begins with `...`,
/// because its root is what is missing.
fn join(components: &[u8], truncated: bool) -> Vec<u8> {
    let mut path = if truncated { b"...".to_vec() } else { Vec::new() };
    let components = components.strip_suffix(&[0]).unwrap_or(components);
    if components.is_empty() {
        path.push(b'/');
        return path;
    }
    for component in components.split(|byte| *byte == 0).rev() {
        path.push(b'/');
        path.extend_from_slice(component);
    }
    path
}

fn read_connection(bytes: &mut Bytes<'_>, accepted: bool) -> Option<Connection> {
    const AF_INET: u16 = 2;
    let (local, remote): ([u8; 16], [u8; 16]) = (bytes.array()?, bytes.array()?);
    let (result, uid) = (bytes.i32()?, bytes.u32()?);
    let (family, protocol) = (bytes.u16()?, bytes.u16()?);
    let (local_port, remote_port) = (bytes.u16()?, bytes.u16()?);
    let address = |bytes: [u8; 16]| {
        if family == AF_INET {
            IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
        } else {
            // An IPv4 connection through an IPv6 socket is an IPv4 connection.
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
    };
    Some(Connection {
        accepted,
        uid,
        result,
        protocol,
        local: (address(local), local_port),
        remote: (address(remote), remote_port),
    })
}

/// What the task iterator says of one running process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) key: ProcessKey,
    pub(crate) ids: Ids,
}

/// Bytes of one record of the task iterator.
pub(crate) const RUNNING_BYTES: usize = 48;

/// Understands one record of the task iterator.
pub(crate) fn read_running(bytes: &[u8; RUNNING_BYTES]) -> Option<Running> {
    let flags = u16::from_ne_bytes([bytes[44], bytes[45]]);
    let mut bytes = Bytes(bytes);
    let ids = read_ids(&mut bytes, flags)?;
    let start_ns = bytes.u64()?;
    Some(Running { key: ProcessKey { pid: bytes.u32()?, start_ns }, ids })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_turned_round() {
        assert_eq!(join(b"sh\0bin\0usr\0", false), b"/usr/bin/sh");
        assert_eq!(join(b"", false), b"/");
        assert_eq!(join(b"b\0a\0", true), b".../a/b");
    }

    #[test]
    fn a_record_cut_anywhere_is_refused_and_never_panics() {
        let mut whole = Vec::new();
        whole.extend_from_slice(&1u16.to_ne_bytes());
        whole.extend_from_slice(&AUDIT_IDS.to_ne_bytes());
        whole.extend_from_slice(&7u32.to_ne_bytes());
        whole.extend_from_slice(&70u64.to_ne_bytes());
        whole.extend_from_slice(&71u64.to_ne_bytes());
        whole.extend_from_slice(&60u64.to_ne_bytes());
        for number in [6u32, 1000, 0, UNSET, 3, 0] {
            whole.extend_from_slice(&number.to_ne_bytes());
        }
        whole.extend_from_slice(&4u64.to_ne_bytes());
        for number in [4u32, 3, 2, 0] {
            whole.extend_from_slice(&number.to_ne_bytes());
        }
        whole.extend_from_slice(b"sh\0r\0a\0b\0");
        let record = read(&whole).expect("whole");
        assert_eq!(record.key, ProcessKey { pid: 7, start_ns: 70 });
        let What::Exec(exec) = record.what else { panic!("an exec") };
        assert_eq!((exec.image.as_slice(), exec.directory.as_slice()), (&b"/sh"[..], &b"/r"[..]));
        assert_eq!(exec.arguments, b"a\0b\0");
        assert_eq!((exec.ids.login_uid, exec.ids.session), (None, Some(3)));
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
    }
}
