//! Uploads: small ones at once, large ones in parts that are streamed from their file.
//!
//! An upload that fails or is dropped is given up on the server, so that no parts are left to be paid for.

use std::path::PathBuf;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use ports::{Body, ObjectKey, PortError};

use super::S3Store;
use crate::error::explain;

const MIB: u64 = 1024 * 1024;
/// Up to here one request does; beyond, a failure would cost too much to repeat.
const SINGLE: u64 = 16 * MIB;
const PART: u64 = 8 * MIB;
/// S3 takes 10,000 parts; the margin is for rounding.
const PARTS: u64 = 9_000;
const PARTS_AT_ONCE: usize = 4;

enum Source {
    Bytes(Bytes),
    File { path: PathBuf, size: u64 },
}

pub(super) async fn put(store: &S3Store, key: &ObjectKey, body: Body) -> Result<(), PortError> {
    let source = Source::new(body).await?;
    if source.size() > SINGLE { in_parts(store, key, &source).await } else { at_once(store, key, &source).await }
}

async fn at_once(store: &S3Store, key: &ObjectKey, source: &Source) -> Result<(), PortError> {
    let (encryption, kms_key) = store.encryption();
    let request = store
        .client
        .put_object()
        .bucket(&store.settings.bucket)
        .key(key.as_str())
        .set_tagging(store.tagging())
        .set_server_side_encryption(encryption)
        .set_ssekms_key_id(kms_key)
        .body(source.part(0, source.size()).await?);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(explain(error, &format!("write {key}"))),
    }
}

async fn in_parts(store: &S3Store, key: &ObjectKey, source: &Source) -> Result<(), PortError> {
    let what = format!("write {key}");
    let (encryption, kms_key) = store.encryption();
    let checksum = (!store.settings.without_checksums).then_some(ChecksumAlgorithm::Crc32);
    let request = store
        .client
        .create_multipart_upload()
        .bucket(&store.settings.bucket)
        .key(key.as_str())
        .set_tagging(store.tagging())
        .set_server_side_encryption(encryption)
        .set_ssekms_key_id(kms_key)
        .set_checksum_algorithm(checksum.clone());
    let (client, bucket, key) = (store.client.clone(), store.settings.bucket.clone(), key.to_string());
    // In a task of its own: whoever drops this one must not lose the id of an upload that the server has begun.
    let doing = what.clone();
    let beginning = tokio::spawn(async move {
        let created = request.send().await.map_err(|error| explain(error, &doing))?;
        let id = created
            .upload_id()
            .map(str::to_owned)
            .ok_or_else(|| PortError::unavailable(format!("failed to {doing}: the server gave the upload no id")))?;
        Ok::<_, PortError>(Upload { client, bucket, key, id, is_open: true })
    });
    let mut upload =
        beginning.await.map_err(|error| PortError::unavailable(format!("failed to {what}")).with_source(error))??;
    match send(&upload, source, checksum, &what).await {
        Ok(()) => {
            upload.is_open = false;
            Ok(())
        }
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}

async fn send(
    upload: &Upload,
    source: &Source,
    checksum: Option<ChecksumAlgorithm>,
    what: &str,
) -> Result<(), PortError> {
    let size = source.size();
    let part = part_size(size);
    let parts = size.div_ceil(part);
    let sent = stream::iter(0..parts).map(|at| {
        let checksum = checksum.clone();
        async move {
            let offset = at * part;
            // At most 9,000 parts, so the number fits.
            let number = i32::try_from(at + 1).unwrap_or(i32::MAX);
            let body = source.part(offset, part.min(size - offset)).await?;
            let request = upload
                .client
                .upload_part()
                .bucket(&upload.bucket)
                .key(&upload.key)
                .upload_id(&upload.id)
                .part_number(number)
                .set_checksum_algorithm(checksum)
                .body(body);
            let done = request.send().await.map_err(|error| explain(error, what))?;
            Ok::<_, PortError>(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(done.e_tag().map(str::to_owned))
                    .set_checksum_crc32(done.checksum_crc32().map(str::to_owned))
                    .build(),
            )
        }
    });
    let parts: Vec<CompletedPart> = sent.buffered(PARTS_AT_ONCE).try_collect().await?;
    let completed = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = upload.client.complete_multipart_upload().bucket(&upload.bucket).key(&upload.key);
    match request.upload_id(&upload.id).multipart_upload(completed).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(explain(error, what)),
    }
}

/// As small as the number of parts allows, in whole MiB.
fn part_size(size: u64) -> u64 {
    size.div_ceil(PARTS).next_multiple_of(MIB).max(PART)
}

impl Source {
    async fn new(body: Body) -> Result<Self, PortError> {
        match body {
            Body::Bytes(bytes) => Ok(Self::Bytes(bytes)),
            Body::File(path) => match tokio::fs::metadata(&path).await {
                Ok(metadata) if metadata.is_file() => Ok(Self::File { path, size: metadata.len() }),
                Ok(_) => Err(PortError::invalid(format!("{} is not a file", path.display()))),
                Err(error) => Err(PortError::invalid(format!("failed to read {}", path.display())).with_source(error)),
            },
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// Part of the body, readable again if the request has to be repeated.
    async fn part(&self, offset: u64, length: u64) -> Result<ByteStream, PortError> {
        match self {
            Self::Bytes(bytes) => {
                // Within the bytes, whose length is a `usize`.
                let (from, to) = (offset as usize, (offset + length) as usize);
                Ok(ByteStream::from(bytes.slice(from..to)))
            }
            // A range of nothing is no range.
            Self::File { .. } if length == 0 => Ok(ByteStream::from_static(b"")),
            Self::File { path, .. } => {
                let part = ByteStream::read_from().path(path).offset(offset).length(Length::Exact(length));
                part.build().await.map_err(|error| {
                    PortError::invalid(format!("failed to read {}", path.display())).with_source(error)
                })
            }
        }
    }
}

/// An upload under way on the server.
struct Upload {
    client: Client,
    bucket: String,
    key: String,
    id: String,
    is_open: bool,
}

impl Upload {
    fn abort(&mut self) -> impl Future<Output = ()> + Send + use<> {
        self.is_open = false;
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key).upload_id(&self.id);
        async move {
            // What led here is the error to report; a bucket's lifecycle rule takes what this leaves.
            drop(request.send().await);
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_open
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            drop(runtime.spawn(self.abort()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_fits_the_number_of_parts() {
        for size in [SINGLE + 1, 100 * MIB, 80_000 * MIB, 5 * 1024 * 1024 * MIB] {
            let part = part_size(size);
            assert!(size.div_ceil(part) <= 10_000 && (PART..=5 * 1024 * MIB).contains(&part), "{size}");
        }
        assert_eq!(part_size(SINGLE + 1), PART);
    }
}
