//! How long `up` takes beside the same servers started by hand.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::certificates::Authority;
use sandbox::ports::{FreePorts, PortSource};
use sandbox::{Component, Release, Silent, component};

use crate::support::Bench;

#[tokio::test]
async fn up_takes_at_most_half_as_long_again_as_starting_by_hand() {
    let bench = Bench::alone();
    let wanted: Vec<&'static Component> =
        ["etcd", "kube-apiserver"].map(|name| Component::named(name, Release::V1_36).unwrap()).to_vec();
    let tools = component::obtain(&bench.settings, &wanted, &Silent).await.unwrap();
    let program = |name: &str| tools.get(name).unwrap().path.clone();
    let (mut by_hand, mut by_us) = (Duration::MAX, Duration::MAX);
    // The best of three of each, taken in turns, so that neither has the quieter machine.
    for round in 0..3 {
        let folder = bench.folder.path().join(format!("hand-{round}"));
        by_hand = by_hand.min(start_by_hand(&folder, &program("etcd"), &program("kube-apiserver")));
        let began = Instant::now();
        let sandbox = bench.up(&bench.request("a")).await;
        by_us = by_us.min(began.elapsed());
        sandbox.down(&bench.settings, &Silent).await.unwrap();
    }
    eprintln!("by hand {by_hand:?}, up {by_us:?}, ratio {:.2}", by_us.as_secs_f64() / by_hand.as_secs_f64());
    assert!(by_us < by_hand * 3 / 2, "by hand {by_hand:?}, up {by_us:?}");
}

/// The servers with the flags that anybody would type, and curl until /readyz says yes.
fn start_by_hand(folder: &Path, etcd: &Path, apiserver: &Path) -> Duration {
    std::fs::create_dir_all(folder).unwrap();
    let ports = FreePorts.choose(3).unwrap();
    let authority = Authority::new().unwrap();
    let server = authority.server("apiserver", &["localhost"], &[[127, 0, 0, 1].into()]).unwrap();
    let client = authority.client("system:masters", "admin").unwrap();
    let write = |name: &str, content: &str| -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let authority = write("ca.crt", authority.certificate());
    let (server_certificate, server_key) = (write("s.crt", &server.certificate), write("s.key", &server.key));
    let (client_certificate, client_key) = (write("c.crt", &client.certificate), write("c.key", &client.key));
    let public_key = write("s.pub", &rcgen::KeyPair::from_pem(&server.key).unwrap().public_key_pem());
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());

    let began = Instant::now();
    let mut etcd = Running::start(
        etcd,
        &[
            flag("data-dir", &folder.join("etcd")),
            "--unsafe-no-fsync".to_owned(),
            format!("--listen-client-urls=http://127.0.0.1:{}", ports[0]),
            format!("--advertise-client-urls=http://127.0.0.1:{}", ports[0]),
            format!("--listen-peer-urls=http://127.0.0.1:{}", ports[1]),
        ],
    );
    let mut apiserver = Running::start(
        apiserver,
        &[
            format!("--etcd-servers=http://127.0.0.1:{}", ports[0]),
            format!("--secure-port={}", ports[2]),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            flag("tls-cert-file", &server_certificate),
            flag("tls-private-key-file", &server_key),
            flag("client-ca-file", &authority),
            flag("service-account-key-file", &public_key),
            flag("service-account-signing-key-file", &server_key),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
        ],
    );
    loop {
        let asked = Command::new("curl")
            .args(["--silent", "--fail", "--max-time", "5", "--noproxy", "*", "--output", "/dev/null"])
            .args(
                [flag("cacert", &authority), flag("cert", &client_certificate), flag("key", &client_key)]
                    .map(split)
                    .concat(),
            )
            .arg(format!("https://127.0.0.1:{}/readyz", ports[2]))
            .status()
            .unwrap();
        if asked.success() {
            return began.elapsed();
        }
        etcd.check();
        apiserver.check();
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// curl takes a flag and its value as two words.
fn split(flag: String) -> [String; 2] {
    let (name, value) = flag.split_once('=').unwrap();
    [name.to_owned(), value.to_owned()]
}

struct Running(Child);

impl Running {
    fn start(program: &Path, arguments: &[String]) -> Self {
        Self(Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn check(&mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "a server started by hand has ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
