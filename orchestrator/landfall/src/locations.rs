//! From a location's name or URL to a store.

use std::sync::Arc;

use anyhow::{Context, Result};
use aws::{Aws, Connection, CredentialSource, S3Settings, S3Store};
use ports::ObjectStore;
use store::location::{Encryption, S3Location};
use store::{DiskStore, LocationUrl, PrefixStore, RetryingStore};

use crate::clock::SystemClock;
use crate::failure::Failure;
use crate::settings::Settings;

/// A store, and what it is called in backups made there.
pub(crate) struct Location {
    pub(crate) name: String,
    pub(crate) store: Arc<dyn ObjectStore>,
}

/// Opens what `--location` names; without it, the default one. A folder that is not there is not made: an unmounted
/// disk must not look like an empty location.
pub(crate) async fn open(settings: &Settings, wanted: Option<&str>) -> Result<Location, Failure> {
    open_as(settings, wanted, false).await
}

/// Opens a location to save into; a folder is made when it is not there.
pub(crate) async fn open_or_create(settings: &Settings, wanted: Option<&str>) -> Result<Location, Failure> {
    open_as(settings, wanted, true).await
}

async fn open_as(settings: &Settings, wanted: Option<&str>, create: bool) -> Result<Location, Failure> {
    let (name, url) = resolve(settings, wanted)?;
    let url: LocationUrl = url.parse().with_context(|| format!("location {name:?}"))?;
    // Folders as well: they may lie on another machine.
    let store = RetryingStore::new(connect(&url, create).await?, Arc::new(SystemClock));
    Ok(Location { name, store: Arc::new(store) })
}

/// The name and the URL of a location.
pub(crate) fn resolve(settings: &Settings, wanted: Option<&str>) -> Result<(String, String), Failure> {
    let named = &settings.config.locations;
    let Some(wanted) = wanted else {
        let only = if named.len() == 1 { named.keys().next() } else { None };
        let Some(name) = settings.config.default_location.as_ref().or(only) else {
            return Err(Failure::usage("no location is named, and there is no default one").hint(
                "give --location file:///srv/backups or s3://bucket/prefix, or add one with `landfall location add`",
            ));
        };
        return resolve(settings, Some(name));
    };
    if let Some(location) = named.get(wanted) {
        return Ok((wanted.to_owned(), location.url.clone()));
    }
    if wanted.contains("://") {
        return Ok(("default".to_owned(), wanted.to_owned()));
    }
    let known: Vec<&str> = named.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Failure::usage(format!("there is no location {wanted:?}; known are {known}"))
        .hint("add one with `landfall location add NAME URL`, or give a URL"))
}

async fn connect(url: &LocationUrl, create: bool) -> Result<Arc<dyn ObjectStore>> {
    match url {
        LocationUrl::File(path) if create => {
            let store = DiskStore::create(path).with_context(|| format!("failed to use {}", path.display()))?;
            Ok(Arc::new(store))
        }
        LocationUrl::File(path) => Ok(Arc::new(DiskStore::open(path))),
        LocationUrl::S3(location) => s3(location).await,
    }
}

async fn s3(location: &S3Location) -> Result<Arc<dyn ObjectStore>> {
    let credentials = match &location.profile {
        Some(name) => CredentialSource::Profile { name: Some(name.clone()), files: Vec::new() },
        None => CredentialSource::Chain,
    };
    let connection = Connection { region: location.region.clone(), credentials, ca: location.ca.clone() };
    let aws = Aws::connect(&connection).await?;
    let settings = S3Settings {
        bucket: location.bucket.clone(),
        endpoint: location.endpoint.clone(),
        public_endpoint: location.public_endpoint.clone(),
        path_style: location.path_style,
        encryption: location.encryption.as_ref().map(|encryption| match encryption {
            Encryption::Aes256 => aws::Encryption::Aes256,
            Encryption::Kms { key } => aws::Encryption::Kms { key: key.clone() },
        }),
        tagging: location.tagging.clone(),
        without_checksums: !location.checksums,
    };
    let store: Arc<dyn ObjectStore> = Arc::new(S3Store::open(&aws, settings).await?);
    if location.prefix.is_empty() {
        return Ok(store);
    }
    Ok(Arc::new(PrefixStore::new(store, &location.prefix)?))
}
