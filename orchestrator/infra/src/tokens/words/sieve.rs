//! Where one of many byte strings could begin, found by looking at every few bytes only.
//!
//! Every string of at least `s + 3` bytes covers a sample of four bytes when samples are taken `s` bytes apart, so one
//! look-up says for `s` places that nothing begins there. It may name a place where nothing begins; never the other way.

/// Four bytes make a sample; strings that are shorter make shorter ones.
const GRAM: usize = 4;
/// Bytes that are compared before a place counts as found.
const KEY: usize = 8;
/// More bytes at once than the bits of a look-up's answer cannot be passed over.
const MAX_STRIDE: usize = 8;
const MIN_BITS: u32 = 8;
const MAX_BITS: u32 = 16;

#[derive(Debug, Clone)]
pub(super) struct Sieve {
    stride: usize,
    gram: usize,
    key: usize,
    /// For a hash of a sample: how far behind the beginning of a string it may stand, one bit for each distance.
    offsets: Vec<u8>,
    shift: u32,
    /// The first bytes of all strings: an open table, zero where it is empty.
    keys: Vec<u64>,
}

impl Sieve {
    /// `None` without strings; none of them may be empty.
    pub(super) fn new(strings: &[&[u8]]) -> Option<Self> {
        let shortest = strings.iter().map(|string| string.len()).min().filter(|length| *length > 0)?;
        let gram = shortest.min(GRAM);
        let stride = (shortest - gram + 1).min(MAX_STRIDE);
        let bits = (strings.len() * stride * 16).next_power_of_two().trailing_zeros().clamp(MIN_BITS, MAX_BITS);
        let keys = vec![0; (strings.len() * 4).next_power_of_two()];
        let mut sieve =
            Self { stride, gram, key: shortest.min(KEY), offsets: vec![0; 1 << bits], shift: 32 - bits, keys };
        for string in strings {
            for offset in 0..stride {
                let slot = sieve.slot(string, offset);
                sieve.offsets[slot] |= 1 << offset;
            }
            sieve.remember(sieve.key_at(string, 0));
        }
        Some(sieve)
    }

    /// The first place at or after `from` where a string could begin.
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from + self.stride - 1;
        while at + self.gram <= bytes.len() {
            let offsets = self.offsets[self.slot(bytes, at)];
            if offsets != 0 {
                let found = (0..self.stride).rev().filter(|offset| offsets >> offset & 1 == 1).find_map(|offset| {
                    let start = at - offset;
                    (start + self.key <= bytes.len() && self.knows(self.key_at(bytes, start))).then_some(start)
                });
                if found.is_some() {
                    return found;
                }
            }
            at += self.stride;
        }
        None
    }

    #[inline]
    fn slot(&self, bytes: &[u8], at: usize) -> usize {
        let gram = match bytes.get(at..at + GRAM).and_then(|gram| <[u8; GRAM]>::try_from(gram).ok()) {
            Some(gram) if self.gram == GRAM => u32::from_le_bytes(gram),
            _ => bytes[at..at + self.gram].iter().fold(0, |gram, byte| gram << 8 | u32::from(*byte)),
        };
        (gram.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    fn key_at(&self, bytes: &[u8], at: usize) -> u64 {
        match bytes.get(at..at + KEY).and_then(|key| <[u8; KEY]>::try_from(key).ok()) {
            Some(key) if self.key == KEY => u64::from_le_bytes(key),
            _ => bytes[at..at + self.key].iter().fold(0, |key, byte| key << 8 | u64::from(*byte)),
        }
    }

    fn place_of(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.keys.len() - 1)
    }

    fn remember(&mut self, key: u64) {
        let mut place = self.place_of(key);
        while self.keys[place] != 0 && self.keys[place] != key {
            place = (place + 1) & (self.keys.len() - 1);
        }
        self.keys[place] = key;
    }

    fn knows(&self, key: u64) -> bool {
        let mut place = self.place_of(key);
        // A key of zeros cannot be told from an empty place, and is always one to look at.
        while self.keys[place] != 0 && self.keys[place] != key {
            place = (place + 1) & (self.keys.len() - 1);
        }
        self.keys[place] == key
    }
}
