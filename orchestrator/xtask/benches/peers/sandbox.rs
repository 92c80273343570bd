//! A sandbox until it is ready, and etcd and kube-apiserver started by hand, alternating.
//!
//! By hand means: certificates at hand, both servers started one after the other, readiness asked for every 20 ms.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::client::Client;
use crate::measure;
use crate::table::{Table, bar, median, ratio, seconds};
use crate::world::{Process, World, free_port};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Times that each is started
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure_all(arguments))
}

async fn measure_all(arguments: &Arguments) -> anyhow::Result<()> {
    let world = World::new()?;
    // Reads the programs into memory, for both alike.
    drop(world.sandbox("warm")?);
    let mut table = Table::new(&["run", "landfall sandbox up", "by hand"]);
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for run in 0..arguments.runs.max(1) {
        let name = format!("run-{run}");
        let mut command = world.landfall();
        let measured = measure::run(command.args(["sandbox", "up", &name, "--detach"]))?;
        let down = world.landfall().args(["sandbox", "down", &name]).output()?;
        if !measured.status.success() || !down.status.success() {
            bail!("no sandbox: {}", measured.stderr);
        }
        let hand = hand(&world, run).await?;
        table.row([(run + 1).to_string(), seconds(measured.wall), seconds(hand)]);
        ours.push(measured.wall);
        by_hand.push(hand);
    }
    let (ours, by_hand) = (median(ours), median(by_hand));
    table.row(["median".to_owned(), seconds(ours), seconds(by_hand)]);
    table.print("From nothing to a ready apiserver 1.36");
    let times = ratio(ours, by_hand);
    bar("landfall / by hand", times, "x", times <= 1.5, "≤ 1.5x");
    Ok(())
}

async fn hand(world: &World, run: usize) -> anyhow::Result<Duration> {
    let folder = world.folder().join(format!("hand-{run}"));
    std::fs::create_dir_all(&folder)?;
    let (client_port, peer_port, port) = (free_port()?, free_port()?, free_port()?);
    let kubeconfig = certificates(&folder, port)?;
    let file = |name: &str| folder.join(name).display().to_string();
    let (etcd_url, peer_url) = (format!("http://127.0.0.1:{client_port}"), format!("http://127.0.0.1:{peer_port}"));

    let started = Instant::now();
    let mut etcd = Command::new(world.component("etcd-3.6.16/etcd")?);
    etcd.arg(format!("--data-dir={}", file("etcd"))).arg("--unsafe-no-fsync");
    for flag in ["listen-client-urls", "advertise-client-urls"] {
        etcd.arg(format!("--{flag}={etcd_url}"));
    }
    for flag in ["listen-peer-urls", "initial-advertise-peer-urls"] {
        etcd.arg(format!("--{flag}={peer_url}"));
    }
    etcd.arg(format!("--initial-cluster=default={peer_url}"));
    let _etcd = Process::spawn(&mut etcd, world.log(&format!("hand-etcd-{run}"))?)?;
    let mut apiserver = Command::new(world.component("kube-apiserver-1.36.3/kube-apiserver")?);
    apiserver.arg(format!("--etcd-servers={etcd_url}")).arg(format!("--secure-port={port}"));
    apiserver.args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--authorization-mode=RBAC"]);
    apiserver.arg("--service-account-issuer=https://kubernetes.default.svc").arg("--allow-privileged=true");
    apiserver.args(["--service-cluster-ip-range=10.96.0.0/12", "--disable-admission-plugins=ServiceAccount"]);
    for (flag, name) in [
        ("tls-cert-file", "server.crt"),
        ("tls-private-key-file", "server.key"),
        ("client-ca-file", "ca.crt"),
        ("service-account-key-file", "server.key"),
        ("service-account-signing-key-file", "server.key"),
    ] {
        apiserver.arg(format!("--{flag}={}", file(name)));
    }
    let _apiserver = Process::spawn(&mut apiserver, world.log(&format!("hand-apiserver-{run}"))?)?;
    let client = Client::connect(&kubeconfig)?;
    loop {
        if let Ok((status, _)) = client.send(Method::GET, "/readyz", Bytes::new()).await
            && status.is_success()
        {
            return Ok(started.elapsed());
        }
        if started.elapsed() > Duration::from_secs(60) {
            bail!("the servers started by hand are not ready");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An authority, a server certificate and an administrator; returns the kubeconfig.
fn certificates(folder: &Path, port: u16) -> anyhow::Result<std::path::PathBuf> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "bench");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let issue = |name: &str, group: Option<&str>| -> anyhow::Result<(String, String)> {
        let names = vec!["127.0.0.1".to_owned(), "10.96.0.1".to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, name);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &authority)?.pem(), key.serialize_pem()))
    };
    let server = issue("kube-apiserver", None)?;
    let administrator = issue("administrator", Some("system:masters"))?;
    std::fs::write(folder.join("ca.crt"), authority.pem())?;
    std::fs::write(folder.join("server.crt"), &server.0)?;
    std::fs::write(folder.join("server.key"), &server.1)?;
    let [authority, certificate, key] =
        [&authority.pem(), &administrator.0, &administrator.1].map(|pem| STANDARD.encode(pem));
    let kubeconfig = serde_json::json!({
        "clusters": [{"name": "hand", "cluster": {
            "server": format!("https://127.0.0.1:{port}"), "certificate-authority-data": authority}}],
        "users": [{"name": "hand", "user": {"client-certificate-data": certificate, "client-key-data": key}}],
    });
    let path = folder.join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).context("failed to write the kubeconfig")?;
    Ok(path)
}
