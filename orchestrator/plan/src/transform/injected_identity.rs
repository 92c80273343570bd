//! Transform: injected-identity
//!
//! A webhook writes credentials' addresses, a token volume and the region into every pod that uses a role. In a pod that
//! was backed up on its own they belong to the old cluster; they are stripped, and the target's webhook writes its own.
//!
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: job, namespace: shop }
//! spec:
//!   containers:
//!     - name: job
//!       image: docker.io/library/busybox:1.37
//!       env:
//!         - { name: LOG_LEVEL, value: info }
//!         - { name: AWS_ROLE_ARN, value: "arn:aws:iam::111122223333:role/shop-web-prod" }
//!         - { name: AWS_WEB_IDENTITY_TOKEN_FILE, value: /var/run/secrets/eks.amazonaws.com/serviceaccount/token }
//!         - { name: AWS_REGION, value: us-east-1 }
//!       volumeMounts:
//!         - { name: aws-iam-token, mountPath: /var/run/secrets/eks.amazonaws.com/serviceaccount, readOnly: true }
//!   volumes:
//!     - { name: aws-iam-token, projected: { sources: [{ serviceAccountToken: { audience: sts.amazonaws.com, path: token } }] } }
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: job, namespace: shop }
//! spec:
//!   containers:
//!     - name: job
//!       image: docker.io/library/busybox:1.37
//!       env:
//!         - { name: LOG_LEVEL, value: info }
//!       volumeMounts: []
//!   volumes: []
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};
use serde_json::Value;

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct InjectedIdentity;

/// Only injected together with a token or a credentials address; alone they are the user's.
const WITH_TOKEN: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_ROLE_ARN"];
const TOKENS: &[&str] =
    &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
const VOLUMES: &[&str] = &["aws-iam-token", "aws-token", "eks-pod-identity-token"];
const BECAUSE: &str = "the source's identity webhook wrote it; the target's writes its own";

impl Transform for InjectedIdentity {
    fn name(&self) -> &'static str {
        "injected-identity"
    }

    fn text(&self) -> &'static str {
        include_str!("injected_identity.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "Pod")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        for container in edit.containers() {
            let env = format!("{container}/env");
            let has_token = named(&edit, &env).iter().any(|(_, name)| TOKENS.contains(&name.as_str()));
            for (pointer, name) in named(&edit, &env).into_iter().rev() {
                if has_token && (TOKENS.contains(&name.as_str()) || WITH_TOKEN.contains(&name.as_str())) {
                    edit.remove(&pointer, BECAUSE);
                }
            }
            remove_named(&mut edit, &format!("{container}/volumeMounts"));
        }
        remove_named(&mut edit, "/spec/volumes");
        edit.done()
    }
}

fn remove_named(edit: &mut Edit<'_>, list: &str) {
    for (pointer, name) in named(edit, list).into_iter().rev() {
        if VOLUMES.contains(&name.as_str()) {
            edit.remove(&pointer, BECAUSE);
        }
    }
}

fn named(edit: &Edit<'_>, list: &str) -> Vec<(String, String)> {
    let name =
        |pointer: &String| edit.manifest.get(&format!("{pointer}/name")).and_then(Value::as_str).map(str::to_owned);
    edit.members(list).into_iter().filter_map(|pointer| Some((pointer.clone(), name(&pointer)?))).collect()
}
