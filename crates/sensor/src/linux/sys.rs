//! The few system calls that no safe library offers: mounting bpffs, fanotify, opening by file handle.
#![expect(unsafe_code, reason = "rustix does not wrap these calls")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// Mounts a bpffs at `/sys/fs/bpf`, where every other tool expects it.
pub(crate) fn mount_bpffs() -> io::Result<()> {
    let (source, target) = (c"bpf", c"/sys/fs/bpf");
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: three strings that end with a zero and outlive the call; no data argument.
    let done = unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            source.as_ptr(),
            flags,
            c"mode=700".as_ptr().cast(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A fanotify group that reports directory handle and name, and the handle of the object itself.
pub(crate) fn fanotify_group() -> io::Result<OwnedFd> {
    let flags = libc::FAN_CLASS_NOTIF
        | libc::FAN_CLOEXEC
        | libc::FAN_NONBLOCK
        | libc::FAN_REPORT_DFID_NAME_TARGET;
    let event_flags = (libc::O_RDONLY | libc::O_CLOEXEC).unsigned_abs();
    // SAFETY: takes two numbers.
    let fd = unsafe { libc::fanotify_init(flags, event_flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Marks the whole file system that a path lies on.
pub(crate) fn fanotify_mark_filesystem(
    group: BorrowedFd<'_>,
    mask: u64,
    path: &CStr,
) -> io::Result<()> {
    let flags = libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM;
    // SAFETY: the path ends with a zero and outlives the call; the descriptor is open.
    let done = unsafe {
        libc::fanotify_mark(group.as_raw_fd(), flags, mask, libc::AT_FDCWD, path.as_ptr())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes before the handle's own in the kernel's `struct file_handle`: length and type.
pub(crate) const HANDLE_HEADER_BYTES: usize = 8;

/// Opens (as a mere path) the object of a file handle: `handle` is a `struct file_handle` as fanotify gave
/// it.
pub(crate) fn open_by_handle(mount: BorrowedFd<'_>, handle: &[u8]) -> io::Result<OwnedFd> {
    let stated = handle
        .first_chunk::<4>()
        .map(|length| u32::from_ne_bytes(*length) as usize)
        .filter(|length| length + HANDLE_HEADER_BYTES == handle.len());
    if stated.is_none() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // The structure wants the alignment of an int.
    let mut aligned = vec![0u64; handle.len().div_ceil(8)];
    for (word, bytes) in aligned.iter_mut().zip(handle.chunks(8)) {
        let mut whole = [0u8; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(whole);
    }
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    // SAFETY: the buffer holds a whole `struct file_handle` (its stated length was compared above), is
    // aligned to 8 and outlives the call, which only reads it.
    let fd =
        unsafe { libc::open_by_handle_at(mount.as_raw_fd(), aligned.as_mut_ptr().cast(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Gives memory that was freed back to the system: reading the kernel's type information takes some tens
/// of megabytes for a moment, which the C library would keep.
pub(crate) fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number, and may be called at any time by any thread.
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Whether a path lies on a bpffs.
pub(crate) fn is_bpffs(path: &Path) -> bool {
    const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type as u64 == BPF_FS_MAGIC)
}
