//! Reads gzip of any number of members, never more than it is allowed to.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::error::ArchiveError;

/// A reader over the decompressed bytes.
///
/// Once it has failed it keeps failing: the decoder below reports the end after an error, and a caller that reads on
/// would take a broken stream for a short one.
pub struct CappedGunzip<R: Read> {
    decoder: MultiGzDecoder<BufReader<R>>,
    cap: u64,
    count: u64,
    failed: bool,
    over_cap: bool,
}

impl<R: Read> CappedGunzip<R> {
    pub fn new(reader: R, cap: u64) -> Self {
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(128 * 1024, reader));
        Self { decoder, cap, count: 0, failed: false, over_cap: false }
    }

    /// Decompressed bytes so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn into_inner(self) -> R {
        self.decoder.into_inner().into_inner()
    }

    pub(crate) fn inner_mut(&mut self) -> &mut R {
        self.decoder.get_mut().get_mut()
    }

    /// What an error of reading means.
    pub fn explain(&self, error: io::Error) -> ArchiveError {
        if self.over_cap {
            return ArchiveError::OverCap { what: "decompressed bytes", limit: self.cap };
        }
        ArchiveError::from_gunzip(error, self.count)
    }
}

impl<R: Read> Read for CappedGunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the stream has failed before"));
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        // One byte beyond the cap tells a stream that ends there from one that goes on.
        let room = usize::try_from(self.cap - self.count).unwrap_or(usize::MAX).saturating_add(1);
        let length = buffer.len().min(room);
        match self.decoder.read(&mut buffer[..length]) {
            Ok(read) if read as u64 > self.cap - self.count => {
                self.failed = true;
                self.over_cap = true;
                Err(io::Error::new(io::ErrorKind::InvalidData, "more decompressed bytes than allowed"))
            }
            Ok(read) => {
                self.count += read as u64;
                Ok(read)
            }
            Err(error) => {
                self.failed = error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::{compress, decompress, from_json};

    #[test]
    fn members_are_read_one_after_another() {
        let both = [compress(b"one "), compress(b""), compress(b"two")].concat();
        assert_eq!(decompress(both.as_slice(), 100).unwrap(), b"one two");
    }

    #[test]
    fn the_cap_is_exact() {
        let bytes = compress(&[7; 1000]);
        assert_eq!(decompress(bytes.as_slice(), 1000).unwrap().len(), 1000);
        assert!(matches!(decompress(bytes.as_slice(), 999), Err(ArchiveError::OverCap { limit: 999, .. })));
        // A bomb costs what the cap allows, not what it unpacks to.
        let bomb = compress(&vec![0; 50_000_000]);
        assert!(matches!(decompress(bomb.as_slice(), 10), Err(ArchiveError::OverCap { .. })));
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes = [compress(b"hello hello hello"), compress(b"world")].concat();
        let first = compress(b"hello hello hello").len();
        for cut in 0..bytes.len() {
            let outcome = decompress(&bytes[..cut], 100);
            if cut == first {
                // A cut between members is a whole stream of gzip; the tar inside tells.
                assert_eq!(outcome.unwrap(), b"hello hello hello");
            } else {
                assert!(matches!(outcome, Err(ArchiveError::Truncated { .. })), "cut at {cut}: {outcome:?}");
            }
        }
    }

    #[test]
    fn every_flipped_byte_of_the_body_is_noticed() {
        let bytes = compress(b"hello hello hello, a body long enough to be compressed");
        for at in 10..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x55;
            assert!(decompress(broken.as_slice(), 1000).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_failed_stream_never_looks_ended() {
        let mut bytes = compress(b"hello");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let mut gunzip = CappedGunzip::new(bytes.as_slice(), 100);
        let mut out = Vec::new();
        assert!(gunzip.read_to_end(&mut out).is_err());
        assert!(gunzip.read(&mut [0; 8]).is_err());
    }

    #[test]
    fn what_is_not_gzip_is_corrupt() {
        assert!(matches!(decompress(&b"not gzip at all"[..], 10), Err(ArchiveError::Corrupt { .. })));
        let tailed = [compress(b"a"), b"garbage that follows".to_vec()].concat();
        assert!(matches!(decompress(tailed.as_slice(), 10), Err(ArchiveError::Corrupt { .. })));
    }

    #[test]
    fn json_trouble_and_stream_trouble_are_told_apart() {
        assert!(matches!(from_json::<u32>(compress(b"1 2").as_slice(), 10), Err(ArchiveError::Json(_))));
        assert!(matches!(from_json::<u32>(compress(b"[").as_slice(), 10), Err(ArchiveError::Json(_))));
        assert!(matches!(
            from_json::<Vec<u32>>(compress(&[b' '; 64]).as_slice(), 10),
            Err(ArchiveError::OverCap { .. })
        ));
        let cut = compress(b"[1,2,3,4]");
        assert!(matches!(from_json::<Vec<u32>>(&cut[..cut.len() - 3], 100), Err(ArchiveError::Truncated { .. })));
        assert_eq!(from_json::<Vec<u32>>(cut.as_slice(), 100).unwrap(), [1, 2, 3, 4]);
    }
}
