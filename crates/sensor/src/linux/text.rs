//! Bytes that should be text, and the clock.

use model::{Clock, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Text from bytes; whatever is not UTF-8 becomes `\xNN`. The second value says whether that happened.
pub(crate) fn escape(bytes: &[u8]) -> (String, bool) {
    let mut text = String::with_capacity(bytes.len());
    let mut escaped = false;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            escaped = true;
            const HEX: &[u8; 16] = b"0123456789abcdef";
            text.push_str("\\x");
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    (text, escaped)
}

/// The longest start of a text that is at most `bytes_max` long.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// Nanoseconds since boot, sleep included: the clock that the BPF programs stamp records with.
pub(crate) fn boot_ns() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    (time.tv_sec.unsigned_abs() * 1_000_000_000) + time.tv_nsec.unsigned_abs()
}

/// Turns stamps since boot into wall-clock time.
pub(crate) struct WallClock {
    clock: std::sync::Arc<dyn Clock>,
    offset_ns: i64,
    measured_ns: u64,
}

impl WallClock {
    pub(crate) fn new(clock: std::sync::Arc<dyn Clock>) -> Self {
        let mut wall = Self { clock, offset_ns: 0, measured_ns: 0 };
        wall.measure(boot_ns());
        wall
    }

    fn measure(&mut self, now_ns: u64) {
        let offset_ns = self.clock.now().nanos() - i64::try_from(boot_ns()).unwrap_or(i64::MAX);
        // The two clocks are not read at the same instant; what is less than a millisecond is noise.
        if (offset_ns - self.offset_ns).unsigned_abs() > 1_000_000 {
            self.offset_ns = offset_ns;
        }
        self.measured_ns = now_ns;
    }

    /// Measures the distance of the clocks again when the last time was some seconds ago.
    pub(crate) fn refresh(&mut self) {
        const EVERY_NS: u64 = 5_000_000_000;
        let now_ns = boot_ns();
        if now_ns.saturating_sub(self.measured_ns) > EVERY_NS {
            self.measure(now_ns);
        }
    }

    /// The wall-clock time of a stamp.
    pub(crate) fn at(&self, boot_ns: u64) -> Timestamp {
        Timestamp::from_nanos(i64::try_from(boot_ns).unwrap_or(i64::MAX)).plus_nanos(self.offset_ns)
    }

    /// The wall-clock time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_escaped_and_said() {
        assert_eq!(escape("日本 a".as_bytes()), ("日本 a".to_owned(), false));
        assert_eq!(escape(b"a\xff\xe6b"), ("a\\xff\\xe6b".to_owned(), true));
        assert_eq!(cut("日本", 4), "日");
        assert_eq!(cut("ab", 4), "ab");
    }
}
