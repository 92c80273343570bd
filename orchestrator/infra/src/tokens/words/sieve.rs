//! Where one of many byte strings could begin, found by looking at every few bytes only.
//!
//! Every string of at least `s + 3` bytes covers a sample of four bytes when samples are taken `s` bytes apart: one
//! look-up says for `s` places that nothing begins there. It may name a place where nothing begins; never the other way.

/// Four bytes make a sample where all strings are long.
const GRAM: usize = 4;
/// Where some are short, two do: they occur more often by chance, and more of the text is passed over.
const SHORT_GRAM: usize = 2;
/// Bytes that are compared before a place counts as found, and the length of a long string.
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
        let gram = if shortest >= KEY { GRAM } else { shortest.min(SHORT_GRAM) };
        let stride = (shortest - gram + 1).min(MAX_STRIDE);
        let bits = (strings.len() * stride * 16).next_power_of_two().trailing_zeros().clamp(MIN_BITS, MAX_BITS);
        let keys = vec![0; (strings.len() * 4).next_power_of_two()];
        let mut sieve =
            Self { stride, gram, key: shortest.min(KEY), offsets: vec![0; 1 << bits], shift: 32 - bits, keys };
        for string in strings {
            for offset in 0..stride {
                let mut sample = [0; GRAM];
                sample[..gram].copy_from_slice(&string[offset..offset + gram]);
                let slot = sieve.slot(&sample);
                sieve.offsets[slot] |= 1 << offset;
            }
            sieve.remember(sieve.key_at(string, 0));
        }
        Some(sieve)
    }

    /// The first place at or after `from` where a string could begin.
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match self.gram {
            GRAM => self.sift::<GRAM>(bytes, from),
            SHORT_GRAM => self.sift::<SHORT_GRAM>(bytes, from),
            _ => self.sift::<1>(bytes, from),
        }
    }

    fn sift<const SAMPLE: usize>(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from + self.stride - 1;
        while let Some(sample) = bytes.get(at..).and_then(|rest| rest.first_chunk::<SAMPLE>()) {
            let offsets = self.offsets[self.slot(sample)];
            if offsets != 0
                && let Some(start) = self.confirm(bytes, at, offsets)
            {
                return Some(start);
            }
            at += self.stride;
        }
        None
    }

    /// The first of the places that a sample at `at` speaks for.
    fn confirm(&self, bytes: &[u8], at: usize, offsets: u8) -> Option<usize> {
        let starts = (0..self.stride).rev().filter(|offset| offsets >> offset & 1 == 1).map(|offset| at - offset);
        starts.into_iter().find(|start| start + self.key <= bytes.len() && self.knows(self.key_at(bytes, *start)))
    }

    #[inline]
    fn slot<const SAMPLE: usize>(&self, sample: &[u8; SAMPLE]) -> usize {
        let mut bytes = [0; 4];
        bytes[..SAMPLE].copy_from_slice(sample);
        (u32::from_le_bytes(bytes).wrapping_mul(0x9e37_79b1) >> self.shift) as usize
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
