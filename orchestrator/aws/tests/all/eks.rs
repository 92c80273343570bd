use aws::{Aws, Connection, CredentialSource};
use jiff::Timestamp;
use ports::ErrorKind;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

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

#[tokio::test]
async fn a_cluster_is_described() {
    let answer = r#"{"cluster": {"name": "recovery", "arn": "arn:aws:eks:eu-west-1:1:cluster/recovery",
        "version": "1.33", "status": "ACTIVE", "endpoint": "https://x.gr7.eu-west-1.eks.amazonaws.com",
        "certificateAuthority": {"data": "LS0tLS1CRUdJTg=="}, "resourcesVpcConfig": {"vpcId": "vpc-1"},
        "identity": {"oidc": {"issuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/X"}}}}"#;
    let (aws, heard, _directory) = answering("200 OK", "application/json", answer).await;
    let cluster = aws.describe_cluster("recovery").await.unwrap();
    assert!(heard.await.unwrap().starts_with("GET /clusters/recovery HTTP/1.1"));
    assert_eq!(cluster.ca, b"-----BEGIN");
    assert_eq!((cluster.version.as_str(), cluster.status.as_str()), ("1.33", "ACTIVE"));
    assert_eq!(cluster.endpoint, "https://x.gr7.eu-west-1.eks.amazonaws.com");
    assert_eq!(cluster.oidc_issuer.as_deref(), Some("https://oidc.eks.eu-west-1.amazonaws.com/id/X"));
    assert_eq!(cluster.vpc_id.as_deref(), Some("vpc-1"));
}

#[tokio::test]
async fn a_cluster_that_cannot_be_used_yet_is_told_from_one_that_is_not_there() {
    let creating = r#"{"cluster": {"name": "recovery", "status": "CREATING"}}"#;
    let (aws, _heard, _directory) = answering("200 OK", "application/json", creating).await;
    let error = aws.describe_cluster("recovery").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.to_string().ends_with("it has no endpoint yet, being CREATING"), "{error}");
    let missing = r#"{"__type": "ResourceNotFoundException", "message": "No cluster found for name: recovery."}"#;
    let (aws, _heard, _directory) = answering("404 Not Found", "application/json", missing).await;
    let error = aws.describe_cluster("recovery").await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::NotFound, Some("ResourceNotFoundException")));
}

#[tokio::test]
async fn the_caller_is_known() {
    let answer = r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
        <Arn>arn:aws:iam::123456789012:user/dr</Arn><UserId>AIDA</UserId><Account>123456789012</Account>
        </GetCallerIdentityResult></GetCallerIdentityResponse>"#;
    let (aws, _heard, _directory) = answering("200 OK", "text/xml", answer).await;
    let identity = aws.caller_identity().await.unwrap();
    assert_eq!((identity.account.as_str(), identity.user_id.as_str()), ("123456789012", "AIDA"));
    assert_eq!(identity.arn, "arn:aws:iam::123456789012:user/dr");
}

/// AWS as far as one answer goes: a listener that a profile names as the endpoint.
async fn answering(status: &str, kind: &str, body: &str) -> (Aws, tokio::task::JoinHandle<String>, TempDir) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("aws");
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let keys = "aws_access_key_id=AKDR\naws_secret_access_key=s\nregion=eu-west-1";
    std::fs::write(&file, format!("[default]\n{keys}\nendpoint_url={endpoint}\n")).unwrap();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}");
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.windows(4).any(|window| window == b"\r\n\r\n") {
            stream.read_buf(&mut heard).await.unwrap();
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&heard).into_owned()
    });
    let credentials = CredentialSource::Profile { name: None, files: vec![file] };
    let aws = Aws::connect(&Connection { region: None, credentials, ca: None }).await.unwrap();
    (aws, heard, directory)
}
