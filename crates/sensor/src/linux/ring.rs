//! The kernel's BPF ring buffer, read ahead of its consumer position.
//!
//! The kernel gives the memory as: one page with the consumer position (ours to write), one page with the
//! producer position (read only), then the data twice in a row, so that a record that crosses the end can
//! be read in one piece.
//!
//! ```text
//! offset 0        consumer position, u64
//! offset 1 page   producer position, u64
//! offset 2 pages  data, data again
//! record          u32 length with bit 31 = busy, bit 30 = discarded | u32 kernel's own | bytes | pad to 8
//! ```
//!
//! Invariant: what is between the consumer and the producer position is not overwritten by the kernel;
//! only [`Ring::release`] moves the consumer position.
#![expect(unsafe_code, reason = "the ring is memory shared with the kernel")]

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER_BYTES: u64 = 8;

/// What reading one record gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A record, and the position just after it.
    Record(&'a [u8], u64),
    /// The kernel is still writing the next record.
    Busy,
    /// Nothing is left to read.
    Empty,
    /// The bytes contradict the layout at this position.
    Damaged(u64),
}

/// A ring and how far it was read.
#[derive(Debug)]
pub(crate) struct Ring {
    memory: Memory,
    next: u64,
}

#[derive(Debug)]
struct Memory {
    consumer: NonNull<AtomicU64>,
    producer: NonNull<AtomicU64>,
    data: NonNull<u8>,
    /// Size of the data, once; a power of two.
    bytes: usize,
    /// Mappings to undo: address and length.
    mapped: Vec<(NonNull<c_void>, usize)>,
}

// SAFETY: the pointers lead to memory that belongs to this value alone (in this process) and lives until
// it is dropped; nothing about it is bound to the thread that mapped it.
unsafe impl Send for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        for (address, length) in self.mapped.drain(..) {
            // SAFETY: `map` made exactly this mapping, and every borrow of it ends before the value does.
            if let Err(err) = unsafe { munmap(address.as_ptr(), length) } {
                tracing::warn!(error = %err, "could not unmap the ring");
            }
        }
    }
}

impl Ring {
    /// Maps the ring of a map's descriptor; reading begins at the consumer position.
    pub(crate) fn map(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let bytes = bytes as usize;
        if !bytes.is_power_of_two() || bytes < page {
            return Err(io::Error::other(format!("a ring of {bytes} bytes is impossible")));
        }
        let mut mapped = Vec::new();
        let mut map = |length: usize, protection, offset: usize| {
            // SAFETY: a fresh shared mapping at an address that the kernel chooses; it touches no memory
            // that Rust knows of.
            let address = unsafe {
                mmap(std::ptr::null_mut(), length, protection, MapFlags::SHARED, fd, offset as u64)
            }?;
            let address = NonNull::new(address).ok_or(io::ErrorKind::OutOfMemory)?;
            mapped.push((address, length));
            Ok::<_, io::Error>(address)
        };
        let consumer = map(page, ProtFlags::READ | ProtFlags::WRITE, 0)?;
        let producer = map(page + 2 * bytes, ProtFlags::READ, page)?;
        // SAFETY: the mapping is one page and twice the data long, so one page in is inside of it.
        let data = unsafe { producer.cast::<u8>().add(page) };
        let memory =
            Memory { consumer: consumer.cast(), producer: producer.cast(), data, bytes, mapped };
        Ok(Self::over(memory))
    }

    fn over(memory: Memory) -> Self {
        let mut ring = Self { memory, next: 0 };
        ring.next = ring.consumer();
        ring
    }

    /// Up to where space was given back to the kernel.
    pub(crate) fn consumer(&self) -> u64 {
        // SAFETY: the page is mapped for as long as `self`, and aligned as every page is.
        unsafe { self.memory.consumer.as_ref() }.load(Ordering::Acquire)
    }

    /// Up to where the kernel has reserved records.
    pub(crate) fn producer(&self) -> u64 {
        // SAFETY: as in `consumer`; the kernel writes it as one word.
        unsafe { self.memory.producer.as_ref() }.load(Ordering::Acquire)
    }

    /// Up to where records were read.
    pub(crate) const fn next_position(&self) -> u64 {
        self.next
    }

    /// Reads the next record; discarded ones are skipped.
    pub(crate) fn step(&mut self) -> Step<'_> {
        loop {
            let (at, producer) = (self.next, self.producer());
            if at == producer {
                return Step::Empty;
            }
            let Some(available) = producer.checked_sub(at) else { return Step::Damaged(at) };
            if available > self.memory.bytes as u64 || available < HEADER_BYTES {
                return Step::Damaged(at);
            }
            let offset = (at & (self.memory.bytes as u64 - 1)) as usize;
            // SAFETY: `offset` is below the size and a multiple of 8 (positions grow by multiples of 8),
            // so the header lies in the mapping and is aligned. The kernel writes it as one word.
            let header = unsafe { self.memory.data.add(offset).cast::<AtomicU32>().as_ref() }
                .load(Ordering::Acquire);
            if header & BUSY != 0 {
                return Step::Busy;
            }
            let length = u64::from(header & !(BUSY | DISCARDED));
            let whole = (length + HEADER_BYTES).next_multiple_of(8);
            if whole > available {
                return Step::Damaged(at);
            }
            self.next = at + whole;
            if header & DISCARDED == 0 {
                // SAFETY: header and bytes end before the producer position, hence (the data is mapped
                // twice) inside the mapping. The kernel has committed them and leaves them alone until the
                // consumer position passes; `release` needs `&mut self`, so not while this is borrowed.
                let bytes = unsafe {
                    std::slice::from_raw_parts(
                        self.memory.data.add(offset + HEADER_BYTES as usize).as_ptr(),
                        length as usize,
                    )
                };
                return Step::Record(bytes, self.next);
            }
        }
    }

    /// Gives the space of everything before `position` back to the kernel. Positions that were not read
    /// yet or are given back already change nothing.
    pub(crate) fn release(&mut self, position: u64) {
        if position > self.consumer() && position <= self.next {
            // SAFETY: as in `consumer`; this process alone writes the word.
            unsafe { self.memory.consumer.as_ref() }.store(position, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 4_096;

    /// A ring in ordinary memory whose "kernel" is this test. The data is written to both copies.
    struct Made {
        _words: Box<[u64]>,
        base: NonNull<u64>,
        produced: u64,
    }

    impl Made {
        fn new() -> (Self, Ring) {
            let mut words = vec![0u64; 2 + 2 * BYTES / 8].into_boxed_slice();
            let base = NonNull::new(words.as_mut_ptr()).expect("allocated");
            // SAFETY: both offsets lie inside the allocation of 2 + 2 * BYTES / 8 words.
            let (producer, data) = unsafe { (base.add(1), base.add(2)) };
            let memory = Memory {
                consumer: base.cast(),
                producer: producer.cast(),
                data: data.cast(),
                bytes: BYTES,
                mapped: Vec::new(),
            };
            (Self { _words: words, base, produced: 0 }, Ring::over(memory))
        }

        fn put(&mut self, position: u64, bytes: &[u8]) {
            for (index, byte) in bytes.iter().enumerate() {
                let at = (position as usize + index) % BYTES;
                // SAFETY: `at` is below BYTES and both copies lie behind the two words of positions.
                unsafe {
                    let data = self.base.add(2).cast::<u8>();
                    data.add(at).write(*byte);
                    data.add(at + BYTES).write(*byte);
                }
            }
        }

        fn commit(&mut self, bytes: &[u8], flags: u32) -> u64 {
            let at = self.produced;
            self.put(at, &(bytes.len() as u32 | flags).to_ne_bytes());
            self.put(at + 4, &[0xee; 4]);
            self.put(at + 8, bytes);
            self.produced += (bytes.len() as u64 + 8).next_multiple_of(8);
            // SAFETY: the second word of the allocation is the producer position.
            unsafe { self.base.add(1).cast::<AtomicU64>().as_ref() }
                .store(self.produced, Ordering::Release);
            at
        }
    }

    #[test]
    fn reads_ahead_and_gives_back_only_what_is_released() {
        let (mut kernel, mut ring) = Made::new();
        kernel.commit(b"first", 0);
        kernel.commit(b"thrown away", DISCARDED);
        kernel.commit(b"", 0);
        assert_eq!(ring.step(), Step::Record(b"first", 16));
        assert_eq!(ring.step(), Step::Record(b"", 48));
        assert_eq!(ring.step(), Step::Empty);
        assert_eq!(ring.consumer(), 0);
        ring.release(64);
        assert_eq!(ring.consumer(), 0, "what was not read cannot be released");
        ring.release(16);
        assert_eq!(ring.consumer(), 16);
        ring.release(8);
        assert_eq!(ring.consumer(), 16, "the position never goes back");
    }

    #[test]
    fn waits_for_a_record_that_is_being_written() {
        let (mut kernel, mut ring) = Made::new();
        let at = kernel.commit(b"slow", BUSY);
        assert_eq!(ring.step(), Step::Busy);
        kernel.put(at, &4u32.to_ne_bytes());
        assert_eq!(ring.step(), Step::Record(b"slow", 16));
    }

    #[test]
    fn records_that_cross_the_end_come_in_one_piece() {
        let (mut kernel, mut ring) = Made::new();
        for round in 0..1_000u32 {
            let bytes: Vec<u8> = (0..(round * 7) % 900).map(|byte| (byte ^ round) as u8).collect();
            kernel.commit(&bytes, 0);
            let position = match ring.step() {
                Step::Record(read, position) => {
                    assert_eq!(read, bytes);
                    position
                }
                other => panic!("round {round}: {other:?}"),
            };
            ring.release(position);
            assert_eq!(ring.consumer(), kernel.produced);
        }
    }

    #[test]
    fn a_length_beyond_the_producer_is_damage() {
        let (mut kernel, mut ring) = Made::new();
        let at = kernel.commit(b"short", 0);
        kernel.put(at, &900u32.to_ne_bytes());
        assert_eq!(ring.step(), Step::Damaged(0));
    }
}
