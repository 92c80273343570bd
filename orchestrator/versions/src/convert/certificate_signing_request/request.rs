//! As much of a PKCS #10 request as the choice of a signer needs: the subject, and which alternative names there are.
//!
//! Verifies no signature. Anything that is not the expected structure is no request at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CertificateRequest {
    pub(super) organizations: Vec<String>,
    pub(super) common_name: Option<String>,
    pub(super) dns_names: usize,
    pub(super) ip_addresses: usize,
    pub(super) emails: usize,
    pub(super) uris: usize,
}

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const ATTRIBUTES: u8 = 0xa0;

/// Longer ones are not looked at.
const MAX_ENCODED: usize = 1 << 20;

impl CertificateRequest {
    /// Reads base64 of PEM of DER, as an object has it.
    pub(super) fn parse(field: &str) -> Option<Self> {
        if field.len() > MAX_ENCODED {
            return None;
        }
        let pem = String::from_utf8(STANDARD.decode(field.trim()).ok()?).ok()?;
        let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE REQUEST-----")?;
        let (body, _) = rest.split_once("-----END CERTIFICATE REQUEST-----")?;
        let encoded: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        Self::from_der(&STANDARD.decode(encoded).ok()?)
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let mut outer = Reader(der);
        let mut request = Reader(outer.expect(SEQUENCE)?);
        let mut info = Reader(request.expect(SEQUENCE)?);
        info.expect(INTEGER)?;
        let subject = info.expect(SEQUENCE)?;
        info.expect(SEQUENCE)?;
        let mut found = Self::default();
        found.read_subject(subject)?;
        if let Some((ATTRIBUTES, attributes)) = info.next() {
            found.read_attributes(attributes)?;
        }
        Some(found)
    }

    fn read_subject(&mut self, subject: &[u8]) -> Option<()> {
        let mut names = Reader(subject);
        while !names.0.is_empty() {
            let mut set = Reader(names.expect(SET)?);
            while !set.0.is_empty() {
                let mut attribute = Reader(set.expect(SEQUENCE)?);
                let oid = attribute.expect(OBJECT_IDENTIFIER)?;
                let (_, value) = attribute.next()?;
                if oid == COMMON_NAME {
                    self.common_name = Some(String::from_utf8_lossy(value).into_owned());
                } else if oid == ORGANIZATION {
                    self.organizations.push(String::from_utf8_lossy(value).into_owned());
                }
            }
        }
        Some(())
    }

    fn read_attributes(&mut self, attributes: &[u8]) -> Option<()> {
        let mut attributes = Reader(attributes);
        while !attributes.0.is_empty() {
            let mut attribute = Reader(attributes.expect(SEQUENCE)?);
            if attribute.expect(OBJECT_IDENTIFIER)? != EXTENSION_REQUEST {
                continue;
            }
            let mut values = Reader(attribute.expect(SET)?);
            let mut extensions = Reader(values.expect(SEQUENCE)?);
            while !extensions.0.is_empty() {
                self.read_extension(extensions.expect(SEQUENCE)?)?;
            }
        }
        Some(())
    }

    fn read_extension(&mut self, extension: &[u8]) -> Option<()> {
        let mut extension = Reader(extension);
        let oid = extension.expect(OBJECT_IDENTIFIER)?;
        let (mut tag, mut value) = extension.next()?;
        if tag == BOOLEAN {
            (tag, value) = extension.next()?;
        }
        if oid != ALTERNATIVE_NAMES || tag != OCTET_STRING {
            return Some(());
        }
        let mut names = Reader(Reader(value).expect(SEQUENCE)?);
        while !names.0.is_empty() {
            // The context tags of GeneralName.
            match names.next()?.0 & 0x1f {
                1 => self.emails += 1,
                2 => self.dns_names += 1,
                6 => self.uris += 1,
                7 => self.ip_addresses += 1,
                _ => {}
            }
        }
        Some(())
    }
}

/// Reads one tag, length and value after another.
struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let bytes = usize::from(first & 0x7f);
            if bytes == 0 || bytes > 4 {
                return None;
            }
            let (length, rest) = rest.split_at_checked(bytes)?;
            (length.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'d [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_request_is_none() {
        assert_eq!(CertificateRequest::parse("bm90IGEgcGVt"), None);
        assert_eq!(CertificateRequest::parse("%%%"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(der in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = CertificateRequest::from_der(&der);
        }
    }
}
