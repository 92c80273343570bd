//! `ports::ObjectStore` over S3, or anything that speaks it.
//!
//! One store is one bucket; a prefix is a wrapper's business. What AWS's S3 has and its clones may lack (checksums,
//! encryption, tags) is a setting.

mod list;
mod upload;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Region, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::ServerSideEncryption;
use jiff::Timestamp;
use ports::object_store::{Listing, Reader};
use ports::{Body, ObjectKey, ObjectMeta, ObjectStore, PortError};

use crate::connection::Aws;
use crate::error::explain;

/// The longest that S3 lets a presigned URL be valid.
const PRESIGNED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// One bucket and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Settings {
    pub bucket: String,
    /// An endpoint other than AWS's.
    pub endpoint: Option<String>,
    /// An endpoint for presigned URLs only.
    pub public_endpoint: Option<String>,
    pub path_style: bool,
    pub encryption: Option<Encryption>,
    /// Tags put on each object.
    pub tagging: BTreeMap<String, String>,
    /// Leaves out the checksums that the SDK adds by itself; some servers refuse them.
    pub without_checksums: bool,
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

#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    /// Signs URLs for the public endpoint.
    presigner: Client,
    settings: S3Settings,
}

impl S3Store {
    /// Asks a server only when it has to find the bucket's region.
    pub async fn open(aws: &Aws, settings: S3Settings) -> Result<Self, PortError> {
        let region = match (aws.region(), &settings.endpoint) {
            (Some(region), _) => Region::new(region.to_owned()),
            // What is not AWS rarely cares, but a signature needs some region.
            (None, Some(_)) => Region::new("us-east-1"),
            (None, None) => bucket_region(aws, &settings.bucket).await?,
        };
        let client = |endpoint: Option<&String>| {
            let mut config = aws_sdk_s3::config::Builder::from(aws.sdk())
                .region(region.clone())
                .force_path_style(settings.path_style);
            // Without one of its own a store keeps what the environment or the profile names.
            if let Some(endpoint) = endpoint {
                config.set_endpoint_url(Some(endpoint.clone()));
            }
            if settings.without_checksums {
                config = config
                    .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                    .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
            }
            Client::from_conf(config.build())
        };
        let presigner = client(settings.public_endpoint.as_ref().or(settings.endpoint.as_ref()));
        Ok(Self { client: client(settings.endpoint.as_ref()), presigner, settings })
    }

    /// `k=v&k2=v2`, as the header has it.
    fn tagging(&self) -> Option<String> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.settings.tagging);
        // The header's reader takes a plus for a plus.
        Some(query.finish().replace('+', "%20")).filter(|text| !text.is_empty())
    }

    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.settings.encryption {
            None => (None, None),
            Some(Encryption::Aes256) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms { key }) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError> {
        upload::put(self, key, body).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        let request = self.client.get_object().bucket(&self.settings.bucket).key(key.as_str());
        match request.send().await {
            Ok(object) => Ok(Box::pin(object.body.into_async_read())),
            Err(error) => Err(explain(error, &format!("read {key}"))),
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError> {
        let request = self.client.head_object().bucket(&self.settings.bucket).key(key.as_str());
        match request.send().await {
            Ok(head) => Ok(Some(ObjectMeta {
                key: key.clone(),
                size: head.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                modified: head.last_modified().and_then(timestamp),
            })),
            Err(error) => {
                let explained = explain(error, &format!("look at {key}"));
                if explained.is_not_found() { Ok(None) } else { Err(explained) }
            }
        }
    }

    async fn list(&self, directory: &str) -> Result<Listing, PortError> {
        list::list(self, directory, true).await
    }

    async fn list_all(&self, directory: &str) -> Result<Listing, PortError> {
        list::list(self, directory, false).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        let request = self.client.delete_object().bucket(&self.settings.bucket).key(key.as_str());
        match request.send().await.map_err(|error| explain(error, &format!("delete {key}"))) {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn presign_get(&self, key: &ObjectKey, valid_for: Duration) -> Result<Option<String>, PortError> {
        let config = PresigningConfig::expires_in(valid_for.min(PRESIGNED_FOR))
            .map_err(|error| PortError::invalid(format!("failed to presign {key}")).with_source(error))?;
        let request = self.presigner.get_object().bucket(&self.settings.bucket).key(key.as_str());
        match request.presigned(config).await {
            Ok(presigned) => Ok(Some(presigned.uri().to_owned())),
            Err(error) => Err(explain(error, &format!("presign {key}"))),
        }
    }

    fn describe(&self) -> String {
        format!("s3://{}", self.settings.bucket)
    }
}

/// Asks where a bucket is; the answer comes as a header, also when the request as such is refused.
async fn bucket_region(aws: &Aws, bucket: &str) -> Result<Region, PortError> {
    let config = aws_sdk_s3::config::Builder::from(aws.sdk()).region(Region::new("us-east-1")).build();
    let region = match Client::from_conf(config).head_bucket().bucket(bucket).send().await {
        Ok(head) => head.bucket_region().map(str::to_owned),
        Err(error) => {
            let header = error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"));
            match header.map(str::to_owned) {
                Some(region) => Some(region),
                None => return Err(explain(error, &format!("find the region of bucket {bucket}"))),
            }
        }
    };
    let unknown = || PortError::invalid(format!("the region of bucket {bucket} is not known; name it with region=…"));
    region.map(Region::new).ok_or_else(unknown)
}

fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
