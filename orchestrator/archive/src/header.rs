//! The 512-byte headers of a tar, written plainly and read with suspicion.
//!
//! Writes regular files in the ustar format, and a PAX header before those whose path does not fit. Reads ustar, PAX
//! and GNU headers; whether an entry is acceptable is the reader's business.

pub const BLOCK: usize = 512;

/// What a header says its entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    HardLink,
    SymbolicLink,
    /// A character or block device, or a pipe.
    Device,
    /// Records for the next entry.
    Pax,
    /// Records for all entries that follow.
    PaxGlobal,
    /// The path of the next entry, in GNU's way.
    GnuLongName,
    GnuLongLink,
    Unknown(char),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub path: Vec<u8>,
    pub size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("a tar header has a wrong checksum")]
    Checksum,
    #[error("a tar header holds a malformed number")]
    Number,
    #[error("a PAX header is malformed")]
    Pax,
}

/// What is read of the records of a PAX header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaxRecords {
    pub path: Option<Vec<u8>>,
    pub size: Option<u64>,
    /// Records that would make the body something else than it seems: a sparse file, a link.
    pub suspicious: bool,
}

/// Appends the header of a regular file, with mode 0755.
///
/// The mode is not cosmetic: Velero's extractor creates parent directories with the mode of the file in them.
/// Velero: pkg/archive/extractor.go.
pub fn encode(path: &str, size: u64, modified: u64, out: &mut Vec<u8>) {
    if let Some((prefix, name)) = split(path) {
        out.extend_from_slice(&ustar(prefix, name, size, modified, b'0'));
        return;
    }
    let record = pax_record("path", path);
    out.extend_from_slice(&ustar(b"", b"PaxHeaders.0/path", record.len() as u64, modified, b'x'));
    out.extend_from_slice(&record);
    out.resize(out.len() + padding(record.len() as u64), 0);
    // Readers take the path from the record above; this one is for those that do not know PAX.
    let mut cut = path.len().min(100);
    while !path.is_char_boundary(cut) {
        cut -= 1;
    }
    let shown = path[..cut].trim_end_matches('/');
    out.extend_from_slice(&ustar(b"", shown.as_bytes(), size, modified, b'0'));
}

/// How many zero bytes follow a body, so that the next header begins at a block.
pub fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

/// Reads one header; `None` for a block of zeros, two of which end an archive.
pub fn decode(block: &[u8; BLOCK]) -> Result<Option<Header>, HeaderError> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let stated = number(&block[148..156])?;
    let sum = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) });
    if stated != sum.sum::<u64>() {
        return Err(HeaderError::Checksum);
    }
    let is_ustar = &block[257..263] == b"ustar\0";
    let name = text(&block[..100]);
    let prefix = if is_ustar { text(&block[345..500]) } else { b"" };
    let path = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
    let kind = match block[156] {
        // Before ustar, a directory was a file whose name ends in a slash.
        0 if path.ends_with(b"/") => Kind::Directory,
        b'0' | b'7' | 0 => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::SymbolicLink,
        b'3' | b'4' | b'6' => Kind::Device,
        b'5' => Kind::Directory,
        b'x' => Kind::Pax,
        b'g' => Kind::PaxGlobal,
        b'L' => Kind::GnuLongName,
        b'K' => Kind::GnuLongLink,
        other => Kind::Unknown(char::from(other)),
    };
    Ok(Some(Header { kind, path, size: number(&block[124..136])? }))
}

/// Reads the records of a PAX header: `<length> <key>=<value>\n`, the length counting itself.
pub fn decode_pax(mut body: &[u8]) -> Result<PaxRecords, HeaderError> {
    let mut records = PaxRecords::default();
    while !body.is_empty() {
        let space = body.iter().position(|byte| *byte == b' ').ok_or(HeaderError::Pax)?;
        let length: usize =
            std::str::from_utf8(&body[..space]).ok().and_then(|t| t.parse().ok()).ok_or(HeaderError::Pax)?;
        if length > body.len() || length < space + 3 || body[length - 1] != b'\n' {
            return Err(HeaderError::Pax);
        }
        let record = &body[space + 1..length - 1];
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(HeaderError::Pax)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" if records.path.is_some() => return Err(HeaderError::Pax),
            b"path" => records.path = Some(value.to_vec()),
            b"size" if records.size.is_some() => return Err(HeaderError::Pax),
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|t| t.parse().ok()).ok_or(HeaderError::Pax)?;
                records.size = Some(size);
            }
            b"linkpath" => records.suspicious = true,
            _ if key.starts_with(b"GNU.sparse") => records.suspicious = true,
            _ => {}
        }
        body = &body[length..];
    }
    Ok(records)
}

/// Splits a path into ustar's prefix and name; `None` when it does not fit or is not ASCII.
fn split(path: &str) -> Option<(&[u8], &[u8])> {
    let bytes = path.as_bytes();
    if !path.is_ascii() || bytes.contains(&0) {
        return None;
    }
    if bytes.len() <= 100 {
        return Some((b"", bytes));
    }
    let first = bytes.len().checked_sub(101)?;
    let at = (first..bytes.len().min(156)).find(|at| bytes[*at] == b'/')?;
    let (prefix, name) = (&bytes[..at], &bytes[at + 1..]);
    (!prefix.is_empty() && !name.is_empty()).then_some((prefix, name))
}

fn ustar(prefix: &[u8], name: &[u8], size: u64, modified: u64, kind: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name);
    octal(&mut block[100..108], 0o755);
    octal(&mut block[108..116], 0);
    octal(&mut block[116..124], 0);
    octal(&mut block[124..136], size);
    octal(&mut block[136..148], modified);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    octal(&mut block[329..337], 0);
    octal(&mut block[337..345], 0);
    block[345..345 + prefix.len()].copy_from_slice(prefix);
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..155], sum);
    block
}

/// Fills all but the last byte with octal digits; a number that does not fit goes in GNU's binary form.
fn octal(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    if value >> (3 * digits).min(63) != 0 {
        let bytes = value.to_be_bytes();
        let at = field.len() - bytes.len();
        field[at..].copy_from_slice(&bytes);
        field[0] |= 0x80;
        return;
    }
    for (place, byte) in field[..digits].iter_mut().rev().enumerate() {
        *byte = b'0' + ((value >> (3 * place)) & 7) as u8;
    }
}

fn number(field: &[u8]) -> Result<u64, HeaderError> {
    if field[0] & 0x80 != 0 {
        // GNU's binary form; negative numbers and what exceeds 64 bits mean nothing here.
        let (high, low) = field.split_at(field.len().saturating_sub(8));
        let high_is_zero = high.iter().enumerate().all(|(at, byte)| if at == 0 { *byte == 0x80 } else { *byte == 0 });
        if high.is_empty() || !high_is_zero {
            return Err(HeaderError::Number);
        }
        return Ok(low.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)));
    }
    let text = text(field).trim_ascii();
    text.iter().try_fold(0u64, |sum, byte| match byte {
        b'0'..=b'7' => sum.checked_mul(8).map(|sum| sum + u64::from(byte - b'0')).ok_or(HeaderError::Number),
        _ => Err(HeaderError::Number),
    })
}

fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    &field[..end]
}

fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;

    #[test]
    fn pax_records_count_themselves() {
        for length in [1, 88, 89, 90, 91, 990, 991, 992, 9_990] {
            let record = pax_record("path", &"x".repeat(length));
            let digits = record.iter().position(|byte| *byte == b' ').unwrap();
            assert_eq!(std::str::from_utf8(&record[..digits]).unwrap().parse(), Ok(record.len()));
            assert_eq!(decode_pax(&record).unwrap().path.unwrap().len(), length);
        }
    }

    #[test]
    fn malformed_pax_headers_are_refused() {
        for body in ["x", "5", "3 a", "9 path=a\n\n", "0 a=\n", "5 a=\n7 ", "12 path=abc\n12 path=abd\n", "8 size=x\n"]
        {
            assert_eq!(decode_pax(body.as_bytes()), Err(HeaderError::Pax), "{body:?}");
        }
        assert!(decode_pax(b"22 GNU.sparse.major=1\n").unwrap().suspicious);
    }

    #[test]
    fn large_numbers_are_written_in_binary_and_read_back() {
        for value in [0, 7, 0o77_777_777_777, 0o100_000_000_000, u64::MAX >> 1] {
            let mut field = [0; 12];
            octal(&mut field, value);
            assert_eq!(number(&field), Ok(value));
        }
        assert_eq!(number(&[0xff; 12]), Err(HeaderError::Number));
        assert_eq!(number(b"9\0\0\0"), Err(HeaderError::Number));
        assert_eq!(number(b"7777777777777777777777777"), Err(HeaderError::Number));
    }

    #[test]
    fn a_flipped_byte_breaks_the_checksum() {
        let mut out = Vec::new();
        encode("a", 1, 0, &mut out);
        let mut block: [u8; BLOCK] = out.try_into().unwrap();
        assert!(decode(&block).unwrap().is_some());
        block[0] ^= 1;
        assert_eq!(decode(&block), Err(HeaderError::Checksum));
    }

    proptest! {
        #[test]
        fn another_reader_agrees(segments in proptest::collection::vec("[a-zä-ü:.-]{1,90}", 1..6), size in 0u64..2000) {
            prop_assume!(segments.iter().all(|segment| segment != "." && segment != ".."));
            let path = segments.join("/");
            let mut out = Vec::new();
            encode(&path, size, 1_700_000_000, &mut out);
            out.resize(out.len() + size as usize + padding(size) + 2 * BLOCK, 0);
            let mut archive = tar::Archive::new(out.as_slice());
            let mut entries = archive.entries().unwrap();
            let mut entry = entries.next().unwrap().unwrap();
            prop_assert_eq!(&*entry.path_bytes(), path.as_bytes());
            prop_assert_eq!(entry.header().mode().unwrap(), 0o755);
            prop_assert_eq!(entry.header().mtime().unwrap(), 1_700_000_000);
            prop_assert_eq!(entry.read_to_end(&mut Vec::new()).unwrap() as u64, size);
            prop_assert!(entries.next().is_none());
        }
    }
}
