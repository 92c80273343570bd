use std::path::Path;

use ports::{ErrorKind, ObjectStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testkit::object_store_suite::{put, read};
use testkit::s3_server::Tls;
use testkit::{S3Server, Why, skip};

use super::{connection, key, open, settings};

#[tokio::test]
async fn a_server_with_a_private_ca_is_trusted_only_when_the_ca_is() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let tls = certificates(directory.path(), &ca);
    let server = match S3Server::start_tls(tls) {
        Ok(server) => server,
        Err(reason) => {
            return skip("a_server_with_a_private_ca_is_trusted_only_when_the_ca_is", Why::NotSetUp, &reason);
        }
    };
    let mut connection = connection();
    let error = open(&connection, settings(&server)).await.head(&key("a")).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("UntrustedCertificate"), "{}", model::chain(&error));
    assert_eq!(error.kind, ErrorKind::Invalid);
    connection.ca = Some(ca);
    let store = open(&connection, settings(&server)).await;
    put(&store, &key("a"), "over tls").await;
    assert_eq!(read(&store, &key("a")).await, b"over tls");
    put(&store, &key("large"), vec![1; 20 << 20]).await;
    assert_eq!(read(&store, &key("large")).await.len(), 20 << 20);
}

fn certificates(directory: &Path, ca: &Path) -> Tls {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let server_key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&server_key, &issuer).unwrap();
    let tls = Tls { certificate: directory.join("server.pem"), key: directory.join("server.key") };
    std::fs::write(ca, issuer.pem()).unwrap();
    std::fs::write(&tls.certificate, server.pem()).unwrap();
    std::fs::write(&tls.key, server_key.serialize_pem()).unwrap();
    tls
}
