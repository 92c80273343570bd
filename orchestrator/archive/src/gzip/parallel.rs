//! Gzip on several threads, in bounded memory.
//!
//! The writing thread fills blocks, hands them out in order and collects the members in the same order; it waits when
//! too many are under way. Threads live as long as the writer and hold two blocks each at most.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Large enough that a member's own cost vanishes, small enough that a handful of them is nothing.
const BLOCK: usize = 1024 * 1024;

/// A writer that compresses into `W`; ends only with `finish`.
pub struct ParallelGzip<W: Write> {
    out: W,
    level: Compression,
    block: Vec<u8>,
    /// Members under way, oldest first.
    pending: VecDeque<Receiver<Member>>,
    most_pending: usize,
    jobs: Option<Sender<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
    spare: Vec<Buffers>,
    digest: Sha256,
    compressed: u64,
    uncompressed: u64,
}

/// What went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GzipStats {
    pub uncompressed: u64,
    pub compressed: u64,
    /// SHA-256 of the compressed bytes.
    pub sha256: [u8; 32],
}

#[derive(Default)]
struct Buffers {
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Job {
    buffers: Buffers,
    level: Compression,
    reply: SyncSender<Member>,
}

type Member = Buffers;

impl<W: Write> ParallelGzip<W> {
    /// `threads` of 0 or 1 compresses on the calling thread.
    pub fn new(out: W, level: u32, threads: usize) -> Self {
        let threads = if threads > 1 { threads.min(64) } else { 0 };
        let (jobs, handles) = start(threads);
        Self {
            out,
            level: Compression::new(level.min(9)),
            block: Vec::with_capacity(BLOCK),
            pending: VecDeque::new(),
            most_pending: threads * 2,
            jobs,
            threads: handles,
            spare: Vec::new(),
            digest: Sha256::new(),
            compressed: 0,
            uncompressed: 0,
        }
    }

    /// Compresses what is left and waits for everything under way.
    pub fn finish(mut self) -> io::Result<(W, GzipStats)> {
        // A stream without any member is not gzip, so an empty one gets an empty member.
        if !self.block.is_empty() || self.uncompressed == 0 {
            self.submit()?;
        }
        while !self.pending.is_empty() {
            self.collect()?;
        }
        self.out.flush()?;
        drop(self.jobs.take());
        for handle in self.threads {
            handle.join().map_err(|_| stopped())?;
        }
        let stats = GzipStats {
            uncompressed: self.uncompressed,
            compressed: self.compressed,
            sha256: self.digest.finalize().into(),
        };
        Ok((self.out, stats))
    }

    fn submit(&mut self) -> io::Result<()> {
        let mut buffers = self.spare.pop().unwrap_or_default();
        std::mem::swap(&mut self.block, &mut buffers.input);
        self.block.clear();
        self.block.reserve(BLOCK);
        let Some(jobs) = &self.jobs else {
            compress_into(&mut buffers, self.level);
            return self.write_member(buffers);
        };
        let (reply, member) = sync_channel(1);
        jobs.send(Job { buffers, level: self.level, reply }).map_err(|_| stopped())?;
        self.pending.push_back(member);
        while self.pending.len() > self.most_pending {
            self.collect()?;
        }
        Ok(())
    }

    fn collect(&mut self) -> io::Result<()> {
        let Some(member) = self.pending.pop_front() else { return Ok(()) };
        let buffers = member.recv().map_err(|_| stopped())?;
        self.write_member(buffers)
    }

    fn write_member(&mut self, mut buffers: Buffers) -> io::Result<()> {
        self.digest.update(&buffers.output);
        self.compressed += buffers.output.len() as u64;
        self.out.write_all(&buffers.output)?;
        buffers.input.clear();
        buffers.output.clear();
        self.spare.push(buffers);
        Ok(())
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..length]);
        self.uncompressed += length as u64;
        if self.block.len() == BLOCK {
            self.submit()?;
        }
        Ok(length)
    }

    /// Does nothing: a member ends where its block ends.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start(threads: usize) -> (Option<Sender<Job>>, Vec<thread::JoinHandle<()>>) {
    if threads == 0 {
        return (None, Vec::new());
    }
    let (sender, receiver) = channel::<Job>();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut handles = Vec::with_capacity(threads);
    for _ in 0..threads {
        let receiver = Arc::clone(&receiver);
        let spawned = thread::Builder::new().name("gzip".to_owned()).spawn(move || work(&receiver));
        match spawned {
            Ok(handle) => handles.push(handle),
            // A machine that gives no more threads still compresses, with those that it gave.
            Err(_) => break,
        }
    }
    if handles.is_empty() { (None, handles) } else { (Some(sender), handles) }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { mut buffers, level, reply }) = job else { return };
        compress_into(&mut buffers, level);
        // The writer may have been dropped; then nobody wants the member.
        drop(reply.send(buffers));
    }
}

fn compress_into(buffers: &mut Buffers, level: Compression) {
    let output = std::mem::take(&mut buffers.output);
    let mut encoder = GzEncoder::new(output, level);
    buffers.output = encoder
        .write_all(&buffers.input)
        .and_then(|()| encoder.finish())
        .expect("compressing from memory into memory does not fail");
}

fn stopped() -> io::Error {
    io::Error::other("a compression thread stopped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::decompress;

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|at| ((at * 31) ^ (at >> 7) ^ (at >> 13)) as u8).collect()
    }

    fn write(threads: usize, bytes: &[u8], step: usize) -> (Vec<u8>, GzipStats) {
        let mut gzip = ParallelGzip::new(Vec::new(), 6, threads);
        for chunk in bytes.chunks(step.max(1)) {
            gzip.write_all(chunk).unwrap();
        }
        gzip.finish().unwrap()
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_threads() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK + 5] {
            let bytes = sample(length);
            let (alone, stats) = write(1, &bytes, 4096);
            let (many, many_stats) = write(4, &bytes, 777);
            assert!(alone == many, "length {length}");
            assert_eq!(stats, many_stats);
            assert_eq!((stats.uncompressed, stats.compressed), (length as u64, alone.len() as u64));
            assert_eq!(stats.sha256, <[u8; 32]>::from(Sha256::digest(&alone)));
            assert!(decompress(alone.as_slice(), u64::MAX).unwrap() == bytes, "length {length}");
        }
    }

    #[test]
    fn a_writer_that_fails_fails_the_stream() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0 < bytes.len() {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.0 -= bytes.len();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut gzip = ParallelGzip::new(Full(10), 6, 3);
        let outcome = gzip.write_all(&sample(12 * BLOCK)).and_then(|()| gzip.finish().map(|_| ()));
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn an_abandoned_writer_lets_its_threads_go() {
        let mut gzip = ParallelGzip::new(Vec::new(), 6, 2);
        gzip.write_all(&sample(3 * BLOCK)).unwrap();
        let threads = std::mem::take(&mut gzip.threads);
        drop(gzip);
        for handle in threads {
            handle.join().unwrap();
        }
    }
}
