//! Bodies on disk while a backup is planned.
//!
//! Append-only files, one for each lister, so that listing in parallel needs no lock. Nothing here is kept: the folder
//! goes with the run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where a body lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) file: u16,
}

/// One lister's file, being written.
#[derive(Debug)]
pub(crate) struct SpoolWriter {
    number: u16,
    path: PathBuf,
    out: BufWriter<File>,
    offset: u64,
}

/// All files of a run, being read.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    files: Vec<File>,
}

impl SpoolWriter {
    pub(crate) fn create(folder: &Path, number: u16) -> io::Result<Self> {
        let path = folder.join(format!("{number}.spool"));
        let out = BufWriter::with_capacity(1 << 18, File::create(&path)?);
        Ok(Self { number, path, out, offset: 0 })
    }

    /// Appends a body that consists of several parts.
    pub(crate) fn append(&mut self, parts: &[&[u8]]) -> io::Result<Span> {
        let mut length = 0;
        for part in parts {
            self.out.write_all(part)?;
            length += part.len();
        }
        let span = Span {
            offset: self.offset,
            length: u32::try_from(length).map_err(|_| io::Error::other("a body is larger than 4 GiB"))?,
            file: self.number,
        };
        self.offset += length as u64;
        Ok(span)
    }

    pub(crate) fn finish(mut self) -> io::Result<(u16, PathBuf)> {
        self.out.flush()?;
        Ok((self.number, self.path))
    }
}

impl Spool {
    /// Adds a finished file at its number.
    pub(crate) fn open(paths: &[(u16, PathBuf)]) -> io::Result<Self> {
        let mut sorted: Vec<_> = paths.to_vec();
        sorted.sort();
        let files = sorted.iter().map(|(_, path)| File::open(path)).collect::<io::Result<_>>()?;
        Ok(Self { files })
    }

    /// Reads a body into a buffer that is reused.
    pub(crate) fn read(&self, span: Span, body: &mut Vec<u8>) -> io::Result<()> {
        let file = self.files.get(usize::from(span.file)).ok_or_else(|| io::Error::other("no such spool file"))?;
        body.resize(span.length as usize, 0);
        file.read_exact_at(body, span.offset)
    }
}
