//! What the clusters are filled with: Secrets and ConfigMaps, the same for the same number.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::Ready;

/// Which objects to make.
#[derive(Clone)]
pub(crate) struct Crowd {
    /// Of the namespaces' names, so that several crowds fit into a cluster.
    pub(crate) prefix: String,
    pub(crate) objects: usize,
    pub(crate) namespaces: usize,
    /// Bytes of an object, about.
    pub(crate) size: usize,
    pub(crate) secrets_only: bool,
}

impl Crowd {
    pub(crate) fn namespace(&self, number: usize) -> String {
        format!("{}-{:02}", self.prefix, number % self.namespaces)
    }

    pub(crate) fn namespaces(&self) -> impl Iterator<Item = Ready> {
        (0..self.namespaces).map(|number| {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace(number)}});
            Ready { path: "/api/v1/namespaces".to_owned(), body: bytes(&body) }
        })
    }

    /// Every object, one after another in different namespaces, made when it is asked for.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Ready> {
        (0..self.objects).map(|number| self.object(number))
    }

    fn object(&self, number: usize) -> Ready {
        let namespace = self.namespace(number);
        let is_secret = self.secrets_only || number.is_multiple_of(2);
        let mut random = Random::new(number as u64);
        let data_size = self.size.saturating_sub(600);
        let component = ["api", "web", "worker", "cache"][number % 4];
        let labels = json!({
            "app.kubernetes.io/name": format!("app-{}", number % 97),
            "app.kubernetes.io/instance": format!("app-{}-{}", number % 97, number % 11),
            "app.kubernetes.io/version": format!("1.{}.{}", number % 7, number % 13),
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/part-of": format!("platform-{}", number % 5),
            "app.kubernetes.io/managed-by": "bench",
        });
        let metadata = json!({"name": format!("object-{number:06}"), "namespace": namespace, "labels": labels});
        let (resource, object) = if is_secret {
            let data = json!({"token": STANDARD.encode(random.bytes(data_size * 3 / 4))});
            let object =
                json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data});
            ("secrets", object)
        } else {
            let data = json!({"application.properties": random.properties(data_size)});
            ("configmaps", json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
        };
        Ready { path: format!("/api/v1/namespaces/{namespace}/{resource}"), body: bytes(&object) }
    }
}

/// Secrets close to the largest that a server takes.
pub(crate) fn large_secrets(namespace: &str, count: usize) -> impl Iterator<Item = Ready> {
    (0..count).map(move |number| {
        let data = STANDARD.encode(Random::new(number as u64 + 7_000_000).bytes(780_000));
        let body = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"blob": data},
            "metadata": {"name": format!("large-{number:04}"), "namespace": namespace}});
        Ready { path: format!("/api/v1/namespaces/{namespace}/secrets"), body: bytes(&body) }
    })
}

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

/// Numbers that look random and are the same every time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(length + 8);
        while out.len() < length {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(length);
        out
    }

    /// Lines as configuration files have them: repeated words, changing values.
    fn properties(&mut self, length: usize) -> String {
        const WORDS: [&str; 8] = ["server", "pool", "timeout", "cache", "retry", "queue", "metrics", "feature"];
        let mut out = String::with_capacity(length + 64);
        while out.len() < length {
            let number = self.next();
            let (a, b) = (WORDS[(number % 8) as usize], WORDS[(number / 8 % 8) as usize]);
            out.push_str(&format!("{a}.{b}.limit={}\n", number / 64 % 100_000));
        }
        out.truncate(length);
        out
    }
}
