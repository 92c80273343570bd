//! Transform: image-registries
//!
//! Images in the source's own ECR come from the target's registry; repository, tag and digest stay, so that the very same
//! image runs. An image of the source's account without a counterpart blocks the object. Images of other accounts, such as
//! AWS's own, are left alone.
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: shop }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: web
//!           image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.4@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//!         - { name: proxy, image: "docker.io/envoyproxy/envoy:v1.36.0" }
//! ```
//! ->
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: shop }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: web
//!           image: 444455556666.dkr.ecr.us-west-2.amazonaws.com/shop/web:1.4@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//!         - { name: proxy, image: "docker.io/envoyproxy/envoy:v1.36.0" }
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct ImageRegistries;

impl Transform for ImageRegistries {
    fn name(&self) -> &'static str {
        "image-registries"
    }

    fn text(&self) -> &'static str {
        include_str!("image_registries.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is_workload()
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        for container in edit.containers() {
            let image = format!("{container}/image");
            let digest = edit.text(&image).and_then(digest_of).map(str::to_owned);
            edit.rewrite(&image);
            let after = edit.text(&image).unwrap_or_default();
            if digest_of(after).map(str::to_owned) != digest {
                return Err(Blocked::new(
                    "digest-changed",
                    format!("the image at {image} would get another digest"),
                    "map registries and repositories, never digests",
                ));
            }
            if is_the_sources(after, infra) {
                edit.require(&image, "the image", "add its registry to registries of the target's contract")?;
            }
        }
        edit.done()
    }
}

fn digest_of(image: &str) -> Option<&str> {
    image.split_once('@').map(|(_, digest)| digest)
}

/// In a registry of the source's account that is not the target's as well.
fn is_the_sources(image: &str, infra: &InfraPair) -> bool {
    let account = infra.source.body().account_id.as_deref();
    account.is_some_and(|account| image.starts_with(account))
}
