//! `verify.canary`: a value planted in a Secret before the backup comes back byte for byte.
//!
//! The value is in the Secret alone: what leaves this file is a salted digest of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{GroupResource, ItemId, Manifest};
use scenario::steps::verify_canary::{Action, Outputs, Params};
use scenario::{Failure, FailureKind};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::checks::{no, unknown};
use crate::drill::live::Live;
use crate::drill::made;
use crate::drill::step::{StepContext, StepFailed, TOKEN, failed};

const KEY: &str = "value";
const POINTER: &str = "/data/value";

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let live = Live::connect(context, &params.cluster).await?;
    let digest = match params.action {
        Action::Plant => plant(context, &live, params).await?,
        Action::Check => check(&live, params).await?,
    };
    Ok(Outputs {
        namespace: params.namespace.clone(),
        name: params.name.clone(),
        digest,
        checked: u64::from(params.action == Action::Check),
    })
}

pub(super) async fn undo(context: &StepContext, params: &Params) -> Result<(), StepFailed> {
    if params.action == Action::Check {
        return Ok(());
    }
    let token = context.token.clone();
    made::remove(context, &params.cluster, &|object| object.annotation(TOKEN) == Some(token.as_str())).await
}

async fn plant(context: &StepContext, live: &Live, params: &Params) -> Result<String, Failure> {
    let resource = live.resource("secrets")?;
    let id = ItemId::namespaced(GroupResource::new("secrets", ""), &params.namespace, &params.name);
    if live.get(resource, Some(&params.namespace), &params.name).await.map_err(|error| broke(params, &error))?.is_none()
    {
        made::intend(context, [id])?;
        let value = context.workshop.secret().map_err(|error| failed("failed to get randomness", &error))?;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {
                "namespace": params.namespace, "name": params.name,
                "annotations": { TOKEN: context.token },
            },
            "data": { KEY: STANDARD.encode(value) },
        });
        let secret =
            Manifest::from_value(secret).map_err(|error| Failure::new(FailureKind::Other, error.to_string()))?;
        live.create(resource, &secret).await.map_err(|error| broke(params, &error))?;
    }
    // Read back, whoever created it: the digest is of what the server holds.
    let planted =
        live.get(resource, Some(&params.namespace), &params.name).await.map_err(|error| broke(params, &error))?;
    let planted =
        planted.ok_or_else(|| unknown(format!("the canary {} vanished after it was planted", place(params))))?;
    if planted.annotation(TOKEN) != Some(context.token.as_str()) {
        let message = format!("there is a Secret {} already that this run did not plant", place(params));
        return Err(Failure::new(FailureKind::Conflict, message).hint("give the canary another `name`"));
    }
    // The salt is of the step, so that another attempt gives the same digest.
    let salt = &hex::encode(Sha256::digest(format!("canary/{}", context.token)))[..16];
    let value = value(&planted).ok_or_else(|| unknown(format!("the canary {} holds no value", place(params))))?;
    Ok(digest(salt, &value))
}

async fn check(live: &Live, params: &Params) -> Result<String, Failure> {
    let expected = params.digest.as_deref().unwrap_or_default();
    let Some((salt, hash)) = expected.split_once(':').filter(|(salt, hash)| !salt.is_empty() && hash.len() == 64)
    else {
        return Err(Failure::new(FailureKind::Invalid, "the digest is not one that `do: plant` gives"));
    };
    let found = live.get(live.resource("secrets")?, Some(&params.namespace), &params.name).await;
    let Some(found) = found.map_err(|error| broke(params, &error))? else {
        return Err(no(format!("the canary {} did not come back", place(params))));
    };
    let Some(value) = value(&found) else {
        return Err(no(format!("the canary {} came back without its value", place(params))));
    };
    let found = digest(salt, &value);
    if found.split_once(':').map(|(_, found)| found) != Some(hash) {
        return Err(no(format!("the canary {} came back with another value", place(params))));
    }
    Ok(found)
}

fn value(secret: &Manifest) -> Option<Vec<u8>> {
    STANDARD.decode(secret.get_str(POINTER)?).ok().filter(|value| !value.is_empty())
}

fn digest(salt: &str, value: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(salt.as_bytes());
    hash.update(value);
    format!("{salt}:{}", hex::encode(hash.finalize()))
}

fn place(params: &Params) -> String {
    format!("{}/{}", params.namespace, params.name)
}

fn broke(params: &Params, error: &::ports::PortError) -> Failure {
    failed(format!("failed to reach the canary {}", place(params)), error)
}
