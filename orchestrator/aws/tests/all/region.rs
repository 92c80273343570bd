//! A bucket whose region nobody names: S3 tells it in a header, whatever else it answers.

use aws::{Aws, Connection, CredentialSource, S3Settings, S3Store};
use ports::{ErrorKind, ObjectStore};
use tempfile::TempDir;
use testkit::{Why, skip};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const BUCKET: &str = "backups";

#[tokio::test]
async fn the_region_is_told_also_to_those_who_may_not_look() {
    for status in ["200 OK", "301 Moved Permanently", "400 Bad Request", "403 Forbidden"] {
        let Some((aws, mut heard, _folder)) = answering(status, "x-amz-bucket-region: eu-west-3\r\n").await else {
            return;
        };
        let store = S3Store::open(&aws, settings()).await.unwrap_or_else(|error| panic!("{status}: {error}"));
        let asked = heard.recv().await.unwrap();
        assert!(asked.starts_with("HEAD /backups"), "{asked}");
        // What the store asks next is signed for that region; the answer does not matter.
        let _ = store.list("").await;
        let signed = heard.recv().await.unwrap();
        assert!(
            signed.starts_with("GET /backups") && signed.contains("/eu-west-3/s3/aws4_request"),
            "{status}: {signed}"
        );
    }
}

#[tokio::test]
async fn a_region_that_nobody_tells_is_an_error() {
    for (status, kind) in
        [("403 Forbidden", ErrorKind::Denied), ("404 Not Found", ErrorKind::NotFound), ("200 OK", ErrorKind::Invalid)]
    {
        let Some((aws, _heard, _folder)) = answering(status, "").await else { return };
        let error = S3Store::open(&aws, settings()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}: {error}");
        assert!(error.to_string().contains("region of bucket backups"), "{status}: {error}");
    }
}

fn settings() -> S3Settings {
    S3Settings { bucket: BUCKET.to_owned(), path_style: true, ..S3Settings::default() }
}

/// S3 as far as one answer goes, and what it is asked; `None` where the environment names a region.
async fn answering(status: &str, header: &str) -> Option<(Aws, UnboundedReceiver<String>, TempDir)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aws");
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let keys = "aws_access_key_id=AKDR\naws_secret_access_key=s";
    std::fs::write(&file, format!("[default]\n{keys}\nendpoint_url={endpoint}\n")).unwrap();
    let credentials = CredentialSource::Profile { name: Some("default".into()), files: vec![file] };
    let aws = Aws::connect(&Connection { region: None, credentials, ca: None }).await.unwrap();
    if aws.region().is_some() {
        skip("a bucket's region", Why::NotSetUp, "the environment names a region");
        return None;
    }
    let (sender, heard) = unbounded_channel();
    let answer = format!("HTTP/1.1 {status}\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            // The client may be gone, and then so is the test.
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = sender.send(String::from_utf8_lossy(&request).into_owned());
        }
    });
    Some((aws, heard, folder))
}
