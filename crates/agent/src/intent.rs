//! What is durable after a kill: the intent, written before each append, and the spool's next number tell.
//!
//! ```text
//! observe ─► write intent (numbers, ring positions) ─► spool.append ─► sensor.release ─► observe …
//!                 A                                B                C                  D
//! ```
//!
//! * killed before A: the intent is the last group's, which is durable: go on behind it;
//! * killed in A: that slot is torn, the other slot is the last group's: as above;
//! * killed between A and B, or inside the append: as many records of the group are durable as the spool's
//!   next number says; go on behind the last of them;
//! * killed between B and D: all are durable; go on behind the group.
//!
//! The file is not synced: it speaks of a ring of the kernel, which does not survive a power loss either.
//!
//! # Bytes
//!
//! Two slots of 128 KiB; groups alternate between them, the valid one with the higher generation counts.
//! All numbers are little endian:
//!
//! ```text
//! 0      4        8            16
//! ├──────┼────────┼────────────┼──────────────────────────────────────────────────────┐
//! │ len  │ crc32c │ generation │ ring, position, queued ×3, shed ×3, (unsaid, from) ×3, first seq, entries
//! ```
//!
//! an entry is `what u8 | class u8 | position u64`; a position of `u64::MAX` is none.

use crate::{error::AgentError, limits::GROUP_ENTRIES_MAX};
use model::{Class, Timestamp};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

/// What becomes of one observation, or one record of the agent's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It becomes a record.
    Queued,
    /// It is given up and will be said; no record.
    Shed,
    /// It is given up, and the record in its place says so.
    Replaced,
    /// A record that says what was given up of this class until now.
    Said,
    /// Another record of the agent's own; it has no class.
    Report,
}

impl Fate {
    const ALL: [Self; 5] = [Self::Queued, Self::Shed, Self::Replaced, Self::Said, Self::Report];

    /// Whether it takes a number of the spool.
    #[must_use]
    pub fn is_record(self) -> bool {
        self != Self::Shed
    }
}

/// One entry of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What becomes of it.
    pub fate: Fate,
    /// Its class; of a report any.
    pub class: Class,
    /// The ring's position behind it, when it came from the ring.
    pub position: Option<u64>,
}

/// What was given up and is not said yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unsaid {
    /// How many.
    pub count: u64,
    /// Since when; meaningless while the count is zero.
    pub from: Timestamp,
}

/// How far the agent has come. Arrays are in the order of [`Class::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Which ring; 0: none.
    pub ring_id: u64,
    /// The ring's position up to which everything is durable or given up.
    pub position: Option<u64>,
    /// Durable in the spool, since the ring was made.
    pub queued: [u64; 3],
    /// Given up, since the ring was made.
    pub shed: [u64; 3],
    /// Given up and not said yet.
    pub unsaid: [Unsaid; 3],
}

/// The place of a class in the arrays of [`Progress`].
#[must_use]
pub fn index_of(class: Class) -> usize {
    match class {
        Class::Process => 0,
        Class::Network => 1,
        Class::File => 2,
    }
}

/// A group that is about to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// How far everything before had come.
    pub before: Progress,
    /// The number that the group's first record will get.
    pub first_seq: u64,
    /// When the group was made; the beginning of what is given up in it.
    pub at: Timestamp,
    /// The group in order.
    pub entries: Vec<Entry>,
}

impl Intent {
    /// How far the agent has come when the spool's next number is this: after the append, or found at start.
    #[must_use]
    pub fn settle(&self, next_seq: u64) -> Progress {
        let mut progress = self.before;
        let mut durable = next_seq.saturating_sub(self.first_seq);
        for entry in &self.entries {
            if entry.fate.is_record() {
                // Nothing behind the first record that is not durable has happened.
                let Some(left) = durable.checked_sub(1) else { break };
                durable = left;
            }
            let class = index_of(entry.class);
            match entry.fate {
                Fate::Queued => progress.queued[class] += 1,
                Fate::Replaced => progress.shed[class] += 1,
                Fate::Said => progress.unsaid[class] = Unsaid::default(),
                Fate::Report => {}
                Fate::Shed => {
                    progress.shed[class] += 1;
                    let unsaid = &mut progress.unsaid[class];
                    if unsaid.count == 0 {
                        unsaid.from = self.at;
                    }
                    unsaid.count += 1;
                }
            }
            progress.position = entry.position.or(progress.position);
        }
        progress
    }

    /// As the content of a slot.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let before = &self.before;
        let mut words = vec![before.ring_id, before.position.unwrap_or(NO_POSITION)];
        words.extend(before.queued);
        words.extend(before.shed);
        for unsaid in before.unsaid {
            words.extend([unsaid.count, unsaid.from.nanos().cast_unsigned()]);
        }
        words.extend([self.first_seq, self.at.nanos().cast_unsigned()]);
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        for entry in &self.entries {
            let what = Fate::ALL.iter().position(|fate| *fate == entry.fate).unwrap_or(0);
            bytes.push(u8::try_from(what).unwrap_or(0));
            bytes.push(u8::try_from(index_of(entry.class)).unwrap_or(0));
            bytes.extend(entry.position.unwrap_or(NO_POSITION).to_le_bytes());
        }
        bytes
    }

    /// From the content of a slot; `None` when it is not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, entries) = bytes.split_at_checked(WORDS * 8)?;
        let words: Vec<u64> = words.chunks_exact(8).map(u64_of).collect();
        let three = |at: usize| [words[at], words[at + 1], words[at + 2]];
        let unsaid = |at: usize| Unsaid {
            count: words[at],
            from: Timestamp::from_nanos(words[at + 1].cast_signed()),
        };
        let before = Progress {
            ring_id: words[0],
            position: Some(words[1]).filter(|position| *position != NO_POSITION),
            queued: three(2),
            shed: three(5),
            unsaid: [unsaid(8), unsaid(10), unsaid(12)],
        };
        let mut intent = Self {
            before,
            first_seq: words[14],
            at: Timestamp::from_nanos(words[15].cast_signed()),
            entries: Vec::new(),
        };
        for entry in entries.chunks(ENTRY_BYTES) {
            let position = u64_of(entry.get(2..ENTRY_BYTES)?);
            intent.entries.push(Entry {
                fate: *Fate::ALL.get(usize::from(entry[0]))?,
                class: *Class::ALL
                    .iter()
                    .find(|class| index_of(**class) == usize::from(entry[1]))?,
                position: Some(position).filter(|position| *position != NO_POSITION),
            });
        }
        Some(intent)
    }
}

const NO_POSITION: u64 = u64::MAX;
const WORDS: usize = 16;
const ENTRY_BYTES: usize = 10;
const SLOT_HEAD_BYTES: usize = 16;
const SLOT_BYTES: usize = 128 << 10;
const _: () = assert!(SLOT_HEAD_BYTES + WORDS * 8 + GROUP_ENTRIES_MAX * ENTRY_BYTES <= SLOT_BYTES);

fn u64_of(bytes: &[u8]) -> u64 {
    let mut word = [0u8; 8];
    word[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
    u64::from_le_bytes(word)
}

/// A slot's bytes with generation and checksum.
#[must_use]
pub fn seal(generation: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&generation.to_le_bytes()), content);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(generation.to_le_bytes());
    bytes.extend(content);
    bytes
}

/// The content of a slot with its generation; `None` when it is torn or empty.
#[must_use]
pub fn unseal(slot: &[u8]) -> Option<(u64, Intent)> {
    let (head, rest) = slot.split_at_checked(SLOT_HEAD_BYTES)?;
    let len = usize::try_from(u32::from_le_bytes(*head.first_chunk()?)).ok()?;
    let (crc, generation) = (u32::from_le_bytes(*head[4..].first_chunk()?), u64_of(&head[8..]));
    let content = rest.get(..len)?;
    let found = crc32c::crc32c_append(crc32c::crc32c(&generation.to_le_bytes()), content);
    (found == crc).then(|| Intent::from_bytes(content)).flatten().map(|intent| (generation, intent))
}

/// The intent file.
#[derive(Debug)]
pub struct IntentFile {
    file: File,
    path: std::path::PathBuf,
    generation: u64,
}

impl IntentFile {
    /// Opens it; also the last intent that was completely written.
    ///
    /// # Errors
    /// [`AgentError::File`].
    pub fn open(path: &Path) -> Result<(Self, Option<Intent>), AgentError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(AgentError::file("open", path))?;
        let len = file.metadata().map_err(AgentError::file("measure", path))?.len();
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(SLOT_BYTES * 2);
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0).map_err(AgentError::file("read", path))?;
        let newest = bytes.chunks(SLOT_BYTES).filter_map(unseal).max_by_key(|slot| slot.0);
        let generation = newest.as_ref().map_or(0, |slot| slot.0);
        // Room for both slots is taken now: a full disk later must not stop the intents.
        if len < SLOT_BYTES * 2 {
            let missing = vec![0; SLOT_BYTES * 2 - len];
            file.write_all_at(&missing, len as u64).map_err(AgentError::file("extend", path))?;
        }
        Ok((Self { file, path: path.to_owned(), generation }, newest.map(|slot| slot.1)))
    }

    /// Writes the next intent.
    ///
    /// # Errors
    /// [`AgentError::File`]; the group must not be appended then.
    pub fn write(&mut self, intent: &Intent) -> Result<(), AgentError> {
        let generation = self.generation + 1;
        let slot = (generation % 2) * SLOT_BYTES as u64;
        self.file
            .write_all_at(&seal(generation, &intent.to_bytes()), slot)
            .map_err(AgentError::file("write", &self.path))?;
        self.generation = generation;
        Ok(())
    }
}
