//! The certificates of one sandbox: an authority, the server's, the administrator's, and the service account key.
//!
//! Elliptic keys, because they are issued in a millisecond. The files live as long as the sandbox and are readable by
//! its owner alone; they carry no expiry that could matter, because the sandbox does not.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::error::SandboxError;
use crate::files;

/// Certificates and keys in PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// The authority of one sandbox; issues what its servers and users need.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Where the files of a sandbox are.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    folder: PathBuf,
}

impl CertificateFiles {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Authority {
    pub fn new() -> Result<Self, SandboxError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(None, "landfall-sandbox");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(SandboxError::Certificates)?;
        let certificate = params.self_signed(&key).map_err(SandboxError::Certificates)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A client certificate: the organisation is the group, the common name the user.
    pub fn client(&self, group: &str, user: &str) -> Result<Identity, SandboxError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(Some(group), user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params)
    }

    /// A server certificate for these host names and addresses.
    pub fn server(&self, common_name: &str, names: &[&str], addresses: &[IpAddr]) -> Result<Identity, SandboxError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(SandboxError::Certificates)?;
        params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
        params.distinguished_name = name(None, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params)
    }

    /// For a server that is its own client too, as etcd is among its peers.
    pub(crate) fn both(&self, common_name: &str, addresses: &[IpAddr]) -> Result<Identity, SandboxError> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).map_err(SandboxError::Certificates)?;
        params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
        params.distinguished_name = name(None, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params)
    }

    fn issue(&self, mut params: CertificateParams) -> Result<Identity, SandboxError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(SandboxError::Certificates)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(SandboxError::Certificates)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}

/// Issues everything a control plane needs and writes it; returns the authority for whoever needs more.
pub(crate) fn write_all(files: &CertificateFiles, addresses: &[IpAddr]) -> Result<(Authority, Identity), SandboxError> {
    let authority = Authority::new()?;
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let server = authority.server("kube-apiserver", &names, addresses)?;
    let etcd = authority.both("etcd", &[IpAddr::from([127, 0, 0, 1])])?;
    let administrator = authority.client("system:masters", "administrator")?;
    let accounts = KeyPair::generate().map_err(SandboxError::Certificates)?;
    files::make_folder(&files.folder)?;
    for (name, content) in [
        ("ca.crt", authority.certificate()),
        ("apiserver.crt", &server.certificate),
        ("apiserver.key", &server.key),
        ("etcd.crt", &etcd.certificate),
        ("etcd.key", &etcd.key),
        ("administrator.crt", &administrator.certificate),
        ("administrator.key", &administrator.key),
        ("service-accounts.key", &accounts.serialize_pem()),
        ("service-accounts.pub", &accounts.public_key_pem()),
    ] {
        files::write_private(&files.file(name), content.as_bytes())?;
    }
    Ok((authority, administrator))
}

/// Writes a kubeconfig that holds everything itself, so that it can be copied.
pub(crate) fn write_kubeconfig(
    path: &Path,
    name: &str,
    server: &str,
    authority: &str,
    identity: &Identity,
) -> Result<(), SandboxError> {
    let encode = |text: &str| STANDARD.encode(text);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
         clusters:\n- name: {name}\n  cluster:\n    server: {server}\n    certificate-authority-data: {}\n\
         users:\n- name: {name}\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n\
         contexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n",
        encode(authority),
        encode(&identity.certificate),
        encode(&identity.key),
    );
    files::write_private(path, text.as_bytes())
}

fn name(organisation: Option<&str>, common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(organisation) = organisation {
        name.push(DnType::OrganizationName, organisation);
    }
    name.push(DnType::CommonName, common_name);
    name
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_and_kubeconfig_are_private_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles::new(folder.path().join("pki"));
        let (authority, administrator) = write_all(&files, &[IpAddr::from([127, 0, 0, 1])]).unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        write_kubeconfig(&kubeconfig, "a", "https://127.0.0.1:1", authority.certificate(), &administrator).unwrap();
        for path in [files.file("apiserver.key"), files.file("service-accounts.key"), kubeconfig.clone()] {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        let key = text.lines().find_map(|line| line.trim().strip_prefix("client-key-data: ")).unwrap();
        assert_eq!(STANDARD.decode(key).unwrap(), administrator.key.as_bytes());
    }
}
