//! Text → journal: line by line, as far as the lines are whole.

use serde::Deserialize;
use serde_json::Value;

use super::{Header, Journal, JournalError, MAJOR, MINOR, Record};

/// Longer lines are damage, not records.
const MAX_LINE: usize = 16 << 20;

/// Reads a journal. Only the last line may be unreadable, because only it can have been torn by a crash.
pub fn read(bytes: &[u8]) -> Result<Journal, JournalError> {
    match read_to_damage(bytes)? {
        (journal, None) => Ok(journal),
        (_, Some(damage)) => Err(damage),
    }
}

/// Reads a journal as far as it is whole, and gives what is wrong where it stops being so. What follows the damage may
/// have happened; whoever carries on from before it relies on steps that can be done twice.
pub fn read_to_damage(bytes: &[u8]) -> Result<(Journal, Option<JournalError>), JournalError> {
    let mut lines = Lines { rest: bytes, total: bytes.len() as u64, good: 0, number: 0 };
    let header: Header = match lines.next_line() {
        Some(Line::Whole(line)) => {
            let version = serde_json::from_slice::<VersionOnly>(line).map(|found| found.journal);
            if let Ok(found) = &version
                && !matches!(parse_version(found), Some((MAJOR, _)))
            {
                return Err(JournalError::Version { found: found.clone() });
            }
            match serde_json::from_slice(line) {
                Ok(header) => header,
                Err(_) if lines.rest.is_empty() => return Err(JournalError::Empty),
                Err(source) => return Err(JournalError::Damaged { line: 1, source: Some(source) }),
            }
        }
        Some(Line::Torn) | None => return Err(JournalError::Empty),
    };
    lines.accept();
    let read_only = parse_version(&header.journal).is_some_and(|(_, minor)| minor > MINOR);
    let mut records: Vec<Record> = Vec::new();
    let (mut torn, mut damage) = (false, None);
    while let Some(line) = lines.next_line() {
        let Line::Whole(line) = line else {
            torn = true;
            break;
        };
        match serde_json::from_slice::<Record>(line) {
            Ok(record) => {
                let expected = records.last().map_or(1, |last| last.number + 1);
                if record.number != expected && !read_only {
                    damage = Some(JournalError::Gap { line: lines.number, expected, found: record.number });
                    break;
                }
                records.push(record);
                lines.accept();
            }
            // A newer minor version may know events that this one does not.
            Err(_) if read_only && serde_json::from_slice::<Value>(line).is_ok() => lines.accept(),
            Err(_) if lines.rest.is_empty() => {
                torn = true;
                break;
            }
            Err(source) => {
                damage = Some(JournalError::Damaged { line: lines.number, source: Some(source) });
                break;
            }
        }
    }
    Ok((Journal { header, records, good_bytes: lines.good, torn, read_only }, damage))
}

#[derive(Deserialize)]
struct VersionOnly {
    journal: String,
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

struct Lines<'a> {
    rest: &'a [u8],
    total: u64,
    good: u64,
    number: usize,
}

enum Line<'a> {
    Whole(&'a [u8]),
    /// Without an end, or far too long: never acknowledged as written.
    Torn,
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') else {
            self.rest = &[];
            return Some(Line::Torn);
        };
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        if line.len() > MAX_LINE && self.rest.is_empty() {
            return Some(Line::Torn);
        }
        Some(Line::Whole(line))
    }

    /// The line just read is good.
    fn accept(&mut self) {
        self.good = self.total - self.rest.len() as u64;
    }
}
