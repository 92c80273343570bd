//! Where backups are kept, as people write it: `file:///srv/backups`, `s3://bucket/prefix?region=…&endpoint=…`.
//!
//! Strict: an unknown word is an error, never ignored. Credentials do not belong in a URL and are refused there.
//! Connecting is done elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use ports::ObjectKey;
use url::Url;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocationUrl {
    File(PathBuf),
    S3(S3Location),
}

/// A bucket and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Location {
    pub bucket: String,
    /// Without slashes at its ends; empty for the whole bucket.
    pub prefix: String,
    pub region: Option<String>,
    /// An endpoint other than AWS's.
    pub endpoint: Option<String>,
    /// An endpoint for presigned URLs only, where readers reach the bucket by another name.
    pub public_endpoint: Option<String>,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    pub path_style: bool,
    /// A profile of the shared AWS configuration.
    pub profile: Option<String>,
    /// A file of PEM certificates to trust, beside the system's.
    pub ca: Option<PathBuf>,
    pub encryption: Option<Encryption>,
    /// Tags put on each object, in the order of their keys.
    pub tagging: BTreeMap<String, String>,
    /// Whether uploads carry a checksum; some servers refuse them.
    pub checksums: bool,
}

/// Encryption on the server's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    Aes256,
    /// With the account's default key, or the one named.
    Kms {
        key: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    #[error("{0:?} is not a URL; write file:///directory or s3://bucket/prefix")]
    NotAUrl(String),
    #[error("the scheme {0:?} is not known; write file:///directory or s3://bucket/prefix")]
    Scheme(String),
    #[error("{0} does not belong in a location's URL")]
    DoesNotBelong(&'static str),
    #[error("{0:?} is not the name of a bucket")]
    Bucket(String),
    #[error("{0:?} is not a usable prefix")]
    Prefix(String),
    #[error("{0:?} is not an absolute path")]
    Path(String),
    #[error("the parameter {0:?} is not known; known are {known}", known = PARAMETERS.join(", "))]
    Parameter(String),
    #[error("the parameter {0} is there twice")]
    Twice(String),
    #[error("the parameter {parameter} cannot be {value:?}: {why}")]
    Value { parameter: &'static str, value: String, why: &'static str },
}

const PARAMETERS: [&str; 11] = [
    "region",
    "endpoint",
    "public-endpoint",
    "path-style",
    "profile",
    "ca",
    "kms",
    "sse",
    "tagging",
    "checksums",
    "prefix",
];

impl FromStr for LocationUrl {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let url = Url::parse(text).map_err(|_| LocationError::NotAUrl(hide_credentials(text)))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(LocationError::DoesNotBelong("a user name or a password"));
        }
        if url.fragment().is_some() {
            return Err(LocationError::DoesNotBelong("a fragment (#…)"));
        }
        match url.scheme() {
            "file" => file(&url),
            "s3" => s3(&url).map(Self::S3),
            scheme => Err(LocationError::Scheme(scheme.to_owned())),
        }
    }
}

impl fmt::Display for LocationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => match Url::from_file_path(path) {
                Ok(url) => write!(f, "{url}"),
                Err(()) => write!(f, "file://{}", path.display()),
            },
            Self::S3(location) => location.fmt(f),
        }
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", percent_encoding::utf8_percent_encode(&self.prefix, PATH))?;
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let mut add = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                query.append_pair(key, value);
            }
        };
        add("region", self.region.as_deref());
        add("endpoint", self.endpoint.as_deref());
        add("public-endpoint", self.public_endpoint.as_deref());
        add("path-style", self.path_style.then_some("true"));
        add("profile", self.profile.as_deref());
        add("ca", self.ca.as_ref().and_then(|path| path.to_str()));
        match &self.encryption {
            None => {}
            Some(Encryption::Aes256) => add("sse", Some("AES256")),
            Some(Encryption::Kms { key: None }) => add("sse", Some("aws:kms")),
            Some(Encryption::Kms { key }) => add("kms", key.as_deref()),
        }
        let mut tagging = url::form_urlencoded::Serializer::new(String::new());
        tagging.extend_pairs(&self.tagging);
        let tagging = tagging.finish();
        add("tagging", Some(tagging.as_str()).filter(|text| !text.is_empty()));
        add("checksums", (!self.checksums).then_some("false"));
        let query = query.finish();
        if query.is_empty() { Ok(()) } else { write!(f, "?{query}") }
    }
}

/// What a path of a URL must not hold unencoded.
const PATH: &percent_encoding::AsciiSet =
    &percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

fn file(url: &Url) -> Result<LocationUrl, LocationError> {
    if url.query().is_some() {
        return Err(LocationError::DoesNotBelong("a query (?…) of a directory"));
    }
    let path = url.to_file_path().map_err(|()| LocationError::Path(url.path().to_owned()))?;
    Ok(LocationUrl::File(path))
}

fn s3(url: &Url) -> Result<S3Location, LocationError> {
    let bucket = url.host_str().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name = (3..=63).contains(&bucket.len())
        && bucket.chars().all(allowed)
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !bucket.contains("..");
    if !is_name {
        return Err(LocationError::Bucket(bucket.to_owned()));
    }
    if url.port().is_some() {
        return Err(LocationError::DoesNotBelong("a port; use endpoint=…"));
    }
    let raw = url.path().trim_matches('/');
    let prefix = percent_decode_str(raw).decode_utf8().map_err(|_| LocationError::Prefix(raw.to_owned()))?;
    let mut location = S3Location {
        bucket: bucket.to_owned(),
        prefix: usable_prefix(&prefix)?,
        checksums: true,
        ..S3Location::default()
    };
    let mut seen = Vec::new();
    for (key, value) in url.query_pairs() {
        if seen.contains(&key) {
            return Err(LocationError::Twice(key.into_owned()));
        }
        parameter(&mut location, &key, &value)?;
        seen.push(key);
    }
    Ok(location)
}

fn parameter(location: &mut S3Location, key: &str, value: &str) -> Result<(), LocationError> {
    let bad = |parameter: &'static str, why| LocationError::Value { parameter, value: value.to_owned(), why };
    let filled = |parameter| if value.is_empty() { Err(bad(parameter, "it is empty")) } else { Ok(value.to_owned()) };
    match key {
        "region" => {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if !value.chars().all(plain) {
                return Err(bad("region", "a region has lowercase letters, digits and hyphens"));
            }
            location.region = Some(filled("region")?);
        }
        "endpoint" => location.endpoint = Some(endpoint("endpoint", value)?),
        "public-endpoint" => location.public_endpoint = Some(endpoint("public-endpoint", value)?),
        "path-style" => location.path_style = boolean("path-style", value)?,
        "checksums" => location.checksums = boolean("checksums", value)?,
        "profile" => location.profile = Some(filled("profile")?),
        "ca" => location.ca = Some(PathBuf::from(filled("ca")?)),
        "kms" => {
            if location.encryption == Some(Encryption::Aes256) {
                return Err(bad("kms", "sse says AES256"));
            }
            location.encryption = Some(Encryption::Kms { key: Some(filled("kms")?) });
        }
        "sse" => match (value, &location.encryption) {
            ("aws:kms", Some(Encryption::Kms { .. })) => {}
            ("AES256", Some(_)) => return Err(bad("sse", "kms names a key")),
            ("aws:kms", _) => location.encryption = Some(Encryption::Kms { key: None }),
            ("AES256", None) => location.encryption = Some(Encryption::Aes256),
            _ => return Err(bad("sse", "known are AES256 and aws:kms")),
        },
        "tagging" => location.tagging = tagging(value)?,
        // Velero's locations have the prefix apart; so may these, once.
        "prefix" => {
            if !location.prefix.is_empty() {
                return Err(bad("prefix", "the path is the prefix already"));
            }
            location.prefix = usable_prefix(value)?;
        }
        _ => return Err(LocationError::Parameter(key.to_owned())),
    }
    Ok(())
}

fn usable_prefix(text: &str) -> Result<String, LocationError> {
    let prefix = text.trim_matches('/');
    // Keys below it must still fit.
    if !prefix.is_empty() && (ObjectKey::parse(prefix).is_err() || prefix.len() > 400) {
        return Err(LocationError::Prefix(prefix.to_owned()));
    }
    Ok(prefix.to_owned())
}

fn endpoint(parameter: &'static str, value: &str) -> Result<String, LocationError> {
    let bad = |why| LocationError::Value { parameter, value: hide_credentials(value), why };
    let url = Url::parse(value).map_err(|_| bad("it is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("it must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("credentials do not belong in a URL"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has a query or a fragment"));
    }
    Ok(value.trim_end_matches('/').to_owned())
}

fn boolean(parameter: &'static str, value: &str) -> Result<bool, LocationError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(LocationError::Value { parameter, value: value.to_owned(), why: "write true or false" }),
    }
}

fn tagging(value: &str) -> Result<BTreeMap<String, String>, LocationError> {
    let bad = |why| LocationError::Value { parameter: "tagging", value: value.to_owned(), why };
    let mut tags = BTreeMap::new();
    for (key, text) in url::form_urlencoded::parse(value.as_bytes()) {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(bad("a tag's key has 1 to 128 characters"));
        }
        if text.chars().count() > 256 {
            return Err(bad("a tag's value has at most 256 characters"));
        }
        if tags.insert(key.into_owned(), text.into_owned()).is_some() {
            return Err(bad("a tag is there twice"));
        }
    }
    if tags.is_empty() || tags.len() > 10 {
        return Err(bad("an object has 1 to 10 tags"));
    }
    Ok(tags)
}

/// For messages: what stands before an `@` is not repeated.
fn hide_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, rest)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}…@{rest}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
