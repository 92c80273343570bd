//! Cuts a growing stream of bytes into lines of any length.

/// A line longer than this is dropped, and said to be: no tool writes it, and memory is not endless.
const LONGEST: usize = 256 << 20;

/// Collects bytes and gives out lines, each with the offset at which it ends.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are known to hold no line break.
    searched: usize,
    /// Offset of the first byte of `buffer`.
    offset: u64,
    /// The rest of a line that is too long is being skipped.
    skipping: bool,
}

impl Lines {
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(u64, &[u8])) {
        self.buffer.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
            let end = self.searched + found;
            let line = trim(&self.buffer[start..end]);
            if std::mem::take(&mut self.skipping) {
                each(self.offset + end as u64 + 1, b"(a line that is too long was left out)");
            } else if !line.is_empty() {
                each(self.offset + end as u64 + 1, line);
            }
            start = end + 1;
            self.searched = start;
        }
        self.buffer.drain(..start);
        self.offset += start as u64;
        self.searched = self.buffer.len();
        if self.buffer.len() > LONGEST {
            self.offset += self.buffer.len() as u64;
            self.buffer = Vec::new();
            self.searched = 0;
            self.skipping = true;
        }
    }

    /// The last line, which nothing will ever end.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(u64, &[u8])) {
        let line = std::mem::take(&mut self.buffer);
        self.offset += line.len() as u64;
        self.searched = 0;
        if !trim(&line).is_empty() {
            each(self.offset, trim(&line));
        }
    }
}

fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_the_bytes_arrive() {
        let text = b"one\r\n\ntwo\n\nthree";
        for step in 1..text.len() {
            let mut lines = Lines::default();
            let mut got = Vec::new();
            for chunk in text.chunks(step) {
                lines.push(chunk, |end, line| got.push((end, String::from_utf8_lossy(line).into_owned())));
            }
            lines.finish(|end, line| got.push((end, String::from_utf8_lossy(line).into_owned())));
            assert_eq!(got, [(5, "one".into()), (10, "two".into()), (16, "three".into())], "chunks of {step}");
        }
    }
}
