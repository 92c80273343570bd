use std::collections::BTreeMap;
use std::time::Duration;

use aws::{Encryption, S3Settings};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use ports::{Body, ErrorKind, ObjectStore};
use testkit::S3Server;
use testkit::object_store_suite::{Effort, conformance, put, read};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{connection, key, open, server, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_conforms() {
    let Some(server) = server("a_real_server_conforms") else { return };
    conformance(&open(&connection(), settings(&server)).await, Effort::FULL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_without_checksums() {
    let Some(server) = server("it_conforms_without_checksums") else { return };
    let settings = S3Settings { without_checksums: true, ..settings(&server) };
    conformance(&open(&connection(), settings).await, Effort { objects: 30, ..Effort::FULL }).await;
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let Some(server) = server("refusals_are_told_apart") else { return };
    let missing = open(&connection(), S3Settings { bucket: "no-such-bucket".into(), ..settings(&server) }).await;
    for error in [
        missing.put(&key("a"), Body::Bytes(Bytes::from_static(b"x"))).await.unwrap_err(),
        missing.get(&key("a")).await.err().unwrap(),
        missing.list("").await.unwrap_err(),
    ] {
        assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Invalid, Some("NoSuchBucket")), "{error:?}");
    }
    let mut wrong = connection();
    wrong.credentials = aws::CredentialSource::Static {
        access_key_id: S3Server::ACCESS_KEY.to_owned(),
        secret_access_key: "wrong-and-secret".to_owned(),
        session_token: None,
    };
    let denied = open(&wrong, settings(&server)).await;
    for error in [
        denied.put(&key("a"), Body::Bytes(Bytes::from_static(b"x"))).await.unwrap_err(),
        denied.get(&key("a")).await.err().unwrap(),
        denied.head(&key("a")).await.err().unwrap(),
        denied.list_all("").await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Denied, "{error:?}");
        assert!(!model::chain(&error).contains("wrong-and-secret"));
    }
    let message = denied.get(&key("backups/a")).await.err().unwrap().to_string();
    assert!(message.starts_with("failed to read backups/a: SignatureDoesNotMatch: "), "{message}");
}

#[tokio::test]
async fn a_presigned_url_needs_no_credentials_and_covers_one_object() {
    let Some(server) = server("a_presigned_url_needs_no_credentials_and_covers_one_object") else { return };
    let store = open(&connection(), settings(&server)).await;
    put(&store, &key("a/b c"), "hello").await;
    put(&store, &key("a/other"), "no").await;
    let url = store.presign_get(&key("a/b c"), Duration::from_secs(600)).await.unwrap().unwrap();
    assert!(url.contains("X-Amz-Expires=600"), "{url}");
    let answer = get(&server, &url).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    let other = get(&server, &url.replace("b%20c", "other")).await;
    assert!(other.starts_with("HTTP/1.1 403"), "{other}");
    let public = S3Settings { public_endpoint: Some("https://s3.example.com".into()), ..settings(&server) };
    let public = open(&connection(), public).await;
    let url = public.presign_get(&key("a"), Duration::from_secs(1_000_000)).await.unwrap().unwrap();
    assert!(url.starts_with("https://s3.example.com/landfall-test/a?"), "{url}");
    // A week is the most.
    assert!(url.contains("X-Amz-Expires=604800"), "{url}");
}

#[tokio::test]
async fn tags_are_put_on_small_and_on_large_objects() {
    let Some(server) = server("tags_are_put_on_small_and_on_large_objects") else { return };
    let tagging =
        BTreeMap::from([("team".to_owned(), "dr ops/x@y".to_owned()), ("env".to_owned(), "a+b=c".to_owned())]);
    let store = open(&connection(), S3Settings { tagging: tagging.clone(), ..settings(&server) }).await;
    put(&store, &key("small"), "x").await;
    put(&store, &key("large"), vec![7; 17 * 1024 * 1024]).await;
    let client = client(&server);
    for name in ["small", "large"] {
        let answer = client.get_object_tagging().bucket(S3Server::BUCKET).key(name).send().await.unwrap();
        let tags: BTreeMap<String, String> =
            answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        assert_eq!(tags, tagging, "{name}");
    }
}

/// The server stores no encrypted objects, so what is checked is what it is asked.
#[tokio::test]
async fn encryption_is_asked_for() {
    for (encryption, expected) in [
        (Encryption::Aes256, vec!["x-amz-server-side-encryption: AES256"]),
        (
            Encryption::Kms { key: Some("arn:aws:kms:x".into()) },
            vec!["x-amz-server-side-encryption: aws:kms", "x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:x"],
        ),
    ] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let listening = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !heard.windows(4).any(|window| window == b"\r\n\r\n") {
                stream.read_buf(&mut heard).await.unwrap();
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&heard).to_ascii_lowercase()
        });
        let settings = S3Settings {
            bucket: "bucket".into(),
            endpoint: Some(endpoint),
            path_style: true,
            encryption: Some(encryption),
            without_checksums: true,
            ..S3Settings::default()
        };
        let store = open(&connection(), settings).await;
        store.put(&key("a"), Body::Bytes(Bytes::new())).await.unwrap();
        let heard = listening.await.unwrap();
        for line in expected {
            assert!(heard.contains(&line.to_ascii_lowercase()), "{line} in {heard}");
        }
    }
}

#[tokio::test]
async fn markers_of_directories_are_foreign() {
    let Some(server) = server("markers_of_directories_are_foreign") else { return };
    let store = open(&connection(), settings(&server)).await;
    let client = client(&server);
    client.put_object().bucket(S3Server::BUCKET).key("backups/").send().await.unwrap();
    put(&store, &key("backups/a/x"), "x").await;
    let all = store.list_all("backups").await.unwrap();
    assert_eq!((all.objects.len(), all.foreign), (1, vec!["backups/".to_owned()]));
    let level = store.list("backups").await.unwrap();
    assert_eq!((level.directories, level.foreign), (vec!["a".to_owned()], vec!["backups/".to_owned()]));
}

/// Nothing here takes longer, on a machine however slow; what does hangs.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_upload_is_given_up_on_the_server() {
    let Some(server) = server("a_dropped_upload_is_given_up_on_the_server") else { return };
    let store = open(&connection(), settings(&server)).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large");
    testkit::object_store_suite::sparse_file(&file, 2 << 30).unwrap();
    let client = client(&server);
    let uploads = async || {
        let answer = client.list_multipart_uploads().bucket(S3Server::BUCKET).send().await.unwrap();
        answer.uploads().len()
    };
    let uploading = tokio::spawn(async move { store.put(&key("large"), Body::File(file)).await });
    while uploads().await == 0 {
        assert!(!uploading.is_finished(), "the upload ended before it was seen");
    }
    uploading.abort();
    assert!(uploading.await.unwrap_err().is_cancelled());
    let given_up = async {
        while uploads().await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, given_up).await.expect("the upload is still there");
    let store = open(&connection(), settings(&server)).await;
    assert_eq!(store.head(&key("large")).await.unwrap(), None);
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_uploaded_is_an_error_and_leaves_nothing() {
    let Some(server) = server("a_file_that_shrinks_while_it_is_uploaded_is_an_error_and_leaves_nothing") else {
        return;
    };
    let store = open(&connection(), settings(&server)).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large");
    testkit::object_store_suite::sparse_file(&file, 2 << 30).unwrap();
    let uploading = {
        let (store, file) = (store.clone(), file.clone());
        tokio::spawn(async move { store.put(&key("large"), Body::File(file)).await })
    };
    let client = client(&server);
    while client.list_multipart_uploads().bucket(S3Server::BUCKET).send().await.unwrap().uploads().is_empty() {
        assert!(!uploading.is_finished(), "the upload ended before it was seen");
    }
    std::fs::File::options().write(true).open(&file).unwrap().set_len(10).unwrap();
    assert!(uploading.await.unwrap().is_err());
    let answer = client.list_multipart_uploads().bucket(S3Server::BUCKET).send().await.unwrap();
    assert_eq!(answer.uploads().len(), 0);
    assert_eq!(store.head(&key("large")).await.unwrap(), None);
    put(&store, &key("large"), "small now").await;
    assert_eq!(read(&store, &key("large")).await, b"small now");
}

/// The SDK without our store, to look at the server from outside.
fn client(server: &S3Server) -> aws_sdk_s3::Client {
    let credentials = Credentials::new(S3Server::ACCESS_KEY, S3Server::SECRET_KEY, None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(S3Server::REGION))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .credentials_provider(credentials)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_s3::Client::from_conf(config.build())
}

/// A plain GET, as any program would make it.
async fn get(server: &S3Server, url: &str) -> String {
    let address = server.endpoint().trim_start_matches("http://").to_owned();
    let target = url.strip_prefix(&server.endpoint()).unwrap();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
