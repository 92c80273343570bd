//! Signed evidence: the report as an in-toto statement in a DSSE envelope, signed with ed25519.
//!
//! A bundle holds everything that was signed, so that verifying it needs the bundle and a public key and nothing else.
//! Keys are PKCS#8 and SPKI in PEM; where they are kept is the user's business.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ReportError;
use crate::json;
use crate::view::DrillReport;

pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
pub const PREDICATE_TYPE: &str = "https://landfall.dev/evidence/drill/v1";

/// A bundle larger than this is not read.
pub const MAX_BUNDLE_BYTES: usize = 64 << 20;

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    pub payload_type: String,
    /// Base64.
    pub payload: String,
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// SHA-256 of the public key (SPKI, DER), in hexadecimal. A hint, never trusted.
    #[serde(default)]
    pub keyid: String,
    pub sig: String,
}

/// An in-toto statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    #[serde(rename = "_type")]
    pub statement_type: String,
    pub subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    pub predicate: DrillReport,
}

/// A file of the run, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub name: String,
    pub digest: BTreeMap<String, String>,
}

/// A private key and its public one, in PEM.
#[derive(Clone)]
pub struct KeyPair {
    pub private_pem: String,
    pub public_pem: String,
}

/// What a good signature vouches for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub report: DrillReport,
    pub subjects: Vec<Subject>,
    /// The public key's id.
    pub key_id: String,
}

#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error("this is no ed25519 private key in PKCS#8 PEM")]
    PrivateKey(#[source] ed25519_dalek::pkcs8::Error),
    #[error("this is no ed25519 public key in PEM")]
    PublicKey(#[source] ed25519_dalek::pkcs8::spki::Error),
    #[error("the key cannot be written as PEM")]
    WriteKey(#[source] ed25519_dalek::pkcs8::Error),
    #[error("the public key cannot be written")]
    WritePublicKey(#[source] ed25519_dalek::pkcs8::spki::Error),
    #[error("the bundle has {bytes} bytes; at most {MAX_BUNDLE_BYTES} are read")]
    TooLarge { bytes: usize },
    #[error("this is no evidence bundle")]
    Bundle(#[source] serde_json::Error),
    #[error("the bundle holds {found}, not {PAYLOAD_TYPE}")]
    PayloadType { found: String },
    #[error("the bundle's {part} is no base64")]
    Base64 { part: &'static str },
    #[error("the bundle carries no signature")]
    Unsigned,
    #[error("no signature is by key {key_id}: the bundle was changed, or signed by somebody else")]
    Signature { key_id: String },
    #[error("the signed statement cannot be read")]
    Statement(#[source] serde_json::Error),
    #[error("the signed statement is {found}, not evidence of a drill")]
    StatementType { found: String },
    #[error("the report cannot be written")]
    Report(#[from] ReportError),
}

impl KeyPair {
    /// A key from 32 random bytes, which the caller has to get.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, EvidenceError> {
        let key = SigningKey::from_bytes(seed);
        let private_pem = key.to_pkcs8_pem(LineEnding::LF).map_err(EvidenceError::WriteKey)?.to_string();
        let public_pem =
            key.verifying_key().to_public_key_pem(LineEnding::LF).map_err(EvidenceError::WritePublicKey)?;
        Ok(Self { private_pem, public_pem })
    }
}

/// Whether evidence can be signed with this key, so that a wrong one is found before a run and not after it.
pub fn check_private_key(private_pem: &str) -> Result<(), EvidenceError> {
    SigningKey::from_pkcs8_pem(private_pem).map(|_| ()).map_err(EvidenceError::PrivateKey)
}

/// Signs a report. `files` are the run's other files by name: their digests become subjects of the statement.
pub fn sign(report: &DrillReport, files: &[(&str, &[u8])], private_pem: &str) -> Result<String, EvidenceError> {
    let key = SigningKey::from_pkcs8_pem(private_pem).map_err(EvidenceError::PrivateKey)?;
    let text = json::to_json(report)?;
    let mut subject = vec![subject("report.json", text.as_bytes())];
    subject.extend(files.iter().map(|(name, bytes)| self::subject(name, bytes)));
    let statement = Statement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject,
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: report.clone(),
    };
    let payload = serde_json::to_vec(&statement).map_err(ReportError::Write)?;
    let signature = key.sign(&signed_bytes(PAYLOAD_TYPE, &payload));
    let envelope = Envelope {
        payload_type: PAYLOAD_TYPE.to_owned(),
        payload: STANDARD.encode(&payload),
        signatures: vec![EnvelopeSignature {
            keyid: key_id(&key.verifying_key())?,
            sig: STANDARD.encode(signature.to_bytes()),
        }],
    };
    Ok(serde_json::to_string_pretty(&envelope).map_err(ReportError::Write)? + "\n")
}

/// Verifies a bundle. Nothing in it is believed before one signature is found good.
pub fn verify(bundle: &[u8], public_pem: &str) -> Result<Verified, EvidenceError> {
    if bundle.len() > MAX_BUNDLE_BYTES {
        return Err(EvidenceError::TooLarge { bytes: bundle.len() });
    }
    let key = VerifyingKey::from_public_key_pem(public_pem).map_err(EvidenceError::PublicKey)?;
    let key_id = key_id(&key)?;
    let envelope: Envelope = serde_json::from_slice(bundle).map_err(EvidenceError::Bundle)?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(EvidenceError::PayloadType { found: envelope.payload_type });
    }
    if envelope.signatures.is_empty() {
        return Err(EvidenceError::Unsigned);
    }
    let payload = decode(&envelope.payload).ok_or(EvidenceError::Base64 { part: "payload" })?;
    let signed = signed_bytes(&envelope.payload_type, &payload);
    let good = envelope.signatures.iter().any(|signature| {
        decode(&signature.sig)
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .is_some_and(|signature| key.verify_strict(&signed, &signature).is_ok())
    });
    if !good {
        return Err(EvidenceError::Signature { key_id });
    }
    let statement: Statement = serde_json::from_slice(&payload).map_err(EvidenceError::Statement)?;
    if statement.statement_type != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
        let found = format!("{} with {}", statement.statement_type, statement.predicate_type);
        return Err(EvidenceError::StatementType { found });
    }
    // The version check of the JSON form holds here too.
    let report = json::from_json(&json::to_json(&statement.predicate)?)?;
    Ok(Verified { report, subjects: statement.subject, key_id })
}

impl Verified {
    /// Whether a file is the one that the evidence names.
    pub fn matches(&self, name: &str, bytes: &[u8]) -> bool {
        self.subjects.contains(&subject(name, bytes))
    }
}

/// DSSE's pre-authentication encoding: what is signed is the type and the payload, each with its length.
fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

fn subject(name: &str, bytes: &[u8]) -> Subject {
    let digest = hex::encode(Sha256::digest(bytes));
    Subject { name: name.to_owned(), digest: BTreeMap::from([("sha256".to_owned(), digest)]) }
}

fn key_id(key: &VerifyingKey) -> Result<String, EvidenceError> {
    let der = key.to_public_key_der().map_err(EvidenceError::WritePublicKey)?;
    Ok(hex::encode(Sha256::digest(der.as_bytes())))
}

/// DSSE allows both alphabets.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}
