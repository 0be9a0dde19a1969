//! Changes of bytes: few or many, anywhere.

/// What a fuzzer would put in: signs that mean something to one of the readers, and extreme numbers.
const WORDS: &[&[u8]] = &[
    b"-",
    b":",
    b": ",
    b"\n",
    b"\n---\n",
    b"|",
    b"|all",
    b"|re",
    b"|contains",
    b"*",
    b"?",
    b"\\",
    b"'",
    b"\"",
    b"[",
    b"]",
    b"{",
    b"}",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!binary ",
    b"%x%",
    b" and ",
    b" or ",
    b" not ",
    b"(",
    b")",
    b"1 of ",
    b"all of them",
    b"condition: ",
    b"null",
    b"~",
    b"0x7fffffffffffffff",
    b"1e999",
    b"-0",
    b"(?i)",
    b"{1,1000}",
    b"+)+",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\xef\xbb\xbf",
    b"ElfChnk\x00",
    b"ElfFile\x00",
    b"**\x00\x00",
    b"timespan: 9d",
    b"event_count",
    b"group-by: [x]",
    b"\xe3\x81\x82",
];

/// A source of changes; the same number gives the same changes.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) const fn new(random: u64) -> Self {
        Self(random | 1)
    }

    /// The seed after one to eight changes, some of them parts of another one.
    pub(crate) fn changed(mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len() + 1);
            match self.below(7) {
                0 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
                1 => {
                    let end = (at + self.below(40)).min(bytes.len());
                    bytes.drain(at..end);
                }
                2 => {
                    let end = (at + self.below(200)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, part);
                }
                3 => {
                    let from = self.below(other.len() + 1);
                    let end = (from + self.below(400)).min(other.len());
                    bytes.splice(at..at, other[from..end].iter().copied());
                }
                4 => bytes.truncate(at.max(bytes.len() / 2)),
                _ => {
                    let word = WORDS[self.below(WORDS.len())];
                    let end = (at + self.below(word.len() + 1)).min(bytes.len());
                    bytes.splice(at..end, word.iter().copied());
                }
            }
        }
        bytes
    }

    /// Xorshift: good enough to choose places.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(usize::MAX) % bound.max(1)
    }
}
