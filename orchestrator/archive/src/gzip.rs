//! Gzip, written by several threads and read with a cap.
//!
//! A stream is cut into blocks and each becomes a gzip member of its own; members one after another are one gzip
//! stream for every reader, Go's included. The bytes depend on the input and the level, never on the threads.

pub mod capped;
pub mod parallel;

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ArchiveError;

pub use capped::CappedGunzip;
pub use parallel::ParallelGzip;

/// The level that Go's gzip uses by default, and Velero with it.
pub const DEFAULT_LEVEL: u32 = 6;

/// Compresses what is at hand; for side files, which are small.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4 + 64), Compression::new(DEFAULT_LEVEL));
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing into memory does not fail")
}

/// Reads a whole gzip stream, up to `cap` decompressed bytes.
pub fn decompress(reader: impl Read, cap: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut gunzip = CappedGunzip::new(reader, cap);
    let mut out = Vec::new();
    match gunzip.read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(error) => Err(gunzip.explain(error)),
    }
}

/// A value as gzipped JSON, as every side file but `velero-backup.json` is.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ArchiveError> {
    Ok(compress(&serde_json::to_vec(value).map_err(ArchiveError::Json)?))
}

/// Reads gzipped JSON, parsing while it decompresses.
pub fn from_json<T: DeserializeOwned>(reader: impl Read, cap: u64) -> Result<T, ArchiveError> {
    let mut gunzip = CappedGunzip::new(reader, cap);
    let parsed = {
        let buffered = io::BufReader::with_capacity(64 * 1024, &mut gunzip);
        let mut deserializer = serde_json::Deserializer::from_reader(buffered);
        T::deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value))
    };
    match parsed {
        Ok(value) => Ok(value),
        // The stream's own trouble shows as an I/O error of the parser, and says more.
        Err(error) if error.is_io() => Err(gunzip.explain(error.into())),
        Err(error) => Err(ArchiveError::Json(error)),
    }
}
