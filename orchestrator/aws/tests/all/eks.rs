use aws::{Aws, Connection, CredentialSource};
use jiff::Timestamp;
use ports::ErrorKind;

use super::connection;

#[tokio::test]
async fn a_token_is_made_from_the_connection_s_credentials() {
    let aws = Aws::connect(&connection()).await.unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let token = aws.eks_token("recovery", now).await.unwrap();
    assert!(token.value.starts_with("k8s-aws-v1."));
    assert!(token.expires > now);
}

#[tokio::test]
async fn credentials_that_are_not_there_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let connection = Connection {
        region: Some("eu-west-1".into()),
        credentials: CredentialSource::Profile { name: Some("dr".into()), files: vec![empty] },
        ca: None,
    };
    let aws = Aws::connect(&connection).await.unwrap();
    let error = aws.eks_token("recovery", Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Denied, Some("NoCredentials")));
    let error = aws.describe_cluster("recovery").await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Denied, Some("NoCredentials")), "{error:?}");
}
