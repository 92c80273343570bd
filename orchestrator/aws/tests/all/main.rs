//! S3 against a real server on loopback. AWS itself is not reached.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod eks;
mod faults;
mod region;
mod s3;
mod tls;

use aws::{Aws, Connection, CredentialSource, S3Settings, S3Store};
use ports::ObjectKey;
use testkit::{S3Server, Why, skip};

/// A server, or a skipped test.
fn server(test: &str) -> Option<S3Server> {
    match S3Server::start() {
        Ok(server) => Some(server),
        Err(reason) => {
            skip(test, Why::NotSetUp, &reason);
            None
        }
    }
}

fn connection() -> Connection {
    let credentials = CredentialSource::Static {
        access_key_id: S3Server::ACCESS_KEY.to_owned(),
        secret_access_key: S3Server::SECRET_KEY.to_owned(),
        session_token: None,
    };
    Connection { region: Some(S3Server::REGION.to_owned()), credentials, ca: None }
}

fn settings(server: &S3Server) -> S3Settings {
    S3Settings {
        bucket: S3Server::BUCKET.to_owned(),
        endpoint: Some(server.endpoint()),
        path_style: true,
        ..S3Settings::default()
    }
}

async fn open(connection: &Connection, settings: S3Settings) -> S3Store {
    let aws = Aws::connect(connection).await.unwrap();
    S3Store::open(&aws, settings).await.unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}
