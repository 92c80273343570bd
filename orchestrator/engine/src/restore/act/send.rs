//! One item, until it is done or given up.
//!
//! A create that may have gone through although its answer was lost is looked up, never repeated blindly.

use std::sync::Arc;
use std::time::Duration;

use ::ports::cluster::{ObjectRef, PatchKind};
use ::ports::retry::{RetryPolicy, Tries, retry};
use ::ports::{Clock, Cluster, ErrorKind, PortError};
use bytes::Bytes;
use model::request::ExistingPolicy;
use model::{ApiResource, ItemId, Manifest, Reason, chain};
use plan::restore::conflict::{Conflict, conflict};

use super::ground::Ground;
use super::refusal::{broken_webhook, is_terminating, missing_namespace, refused};
use super::struggle::{Struggle, Trouble};
use crate::ports::Outside;
use crate::restore::prepared::{PlannedRestore, Work};
use crate::restore::{ItemVerdict, RestoreJob};

pub(super) struct Sent {
    pub(super) planned: u32,
    pub(super) verdict: ItemVerdict,
    /// Absent when it was created and nothing is to be said.
    pub(super) reason: Option<Reason>,
    pub(super) writes: u64,
    pub(super) throttled: bool,
}

/// One item, until it is done or given up.
pub(super) async fn send(
    outside: &Outside,
    job: &RestoreJob<'_>,
    planned: &PlannedRestore,
    ground: &Ground,
    struggle: &Struggle,
    work: Work,
) -> Sent {
    let item = &planned.file.items[work.planned as usize];
    let resource = &planned.resources[usize::from(work.resource)];
    if let Some(reason) = ground.lacks(&item.target) {
        return Sent {
            planned: work.planned,
            verdict: ItemVerdict::Failed,
            reason: Some(reason),
            writes: 0,
            throttled: false,
        };
    }
    let mut sending = Sending {
        struggle,
        kind: work.resource,
        cluster: &outside.cluster,
        clock: outside.clock.as_ref(),
        resource,
        target: &item.target,
        existing: job.request.existing,
        writes: 0,
        throttled: false,
    };
    let (verdict, reason) = match read(planned, work) {
        Ok((body, status)) => sending.run(body, status, work.is_patch).await,
        Err(error) => (ItemVerdict::Failed, Some(Reason::new("spool", format!("failed to read the spool: {error}")))),
    };
    Sent { planned: work.planned, verdict, reason, writes: sending.writes, throttled: sending.throttled }
}

fn read(planned: &PlannedRestore, work: Work) -> std::io::Result<(Bytes, Option<Vec<u8>>)> {
    Ok((Bytes::from(planned.read(work.body)?), work.status.map(|span| planned.read(span)).transpose()?))
}

struct Sending<'a> {
    struggle: &'a Struggle,
    /// Number of the kind in the plan.
    kind: u16,
    cluster: &'a Arc<dyn Cluster>,
    clock: &'a dyn Clock,
    resource: &'a ApiResource,
    target: &'a ItemId,
    existing: ExistingPolicy,
    writes: u64,
    throttled: bool,
}

/// Without a reason: created, and nothing is to be said.
type Outcome = (ItemVerdict, Option<Reason>);

fn because(verdict: ItemVerdict, code: &str, message: impl Into<String>) -> Outcome {
    (verdict, Some(Reason::new(code, message)))
}

impl Sending<'_> {
    async fn run(&mut self, body: Bytes, status: Option<Vec<u8>>, is_patch: bool) -> Outcome {
        if is_patch {
            return self.patch(body).await;
        }
        let mut tries = Tries::default();
        let mut short_waits = 0;
        loop {
            self.writes += 1;
            let error = match self.cluster.create(&self.object(), body.clone(), false).await {
                Ok(created) => {
                    self.struggle.went_well(self.kind, self.target.namespace.as_deref());
                    return self.with_status(&created, status).await;
                }
                Err(error) if error.is_already_exists() => return self.exists(&body, status, self.writes > 1).await,
                Err(error) => error,
            };
            self.throttled |= error.kind == ErrorKind::Throttled;
            if let Some((trouble, wait)) = self.any_moment(&error) {
                if short_waits < self.struggle.short_waits(&trouble) {
                    short_waits += 1;
                    self.clock.sleep(wait).await;
                    continue;
                }
                self.struggle.gave_up(trouble);
                return (ItemVerdict::Failed, Some(refused(&error)));
            }
            match self.wait(&mut tries, &error) {
                Some(wait) => self.clock.sleep(wait).await,
                None => return (ItemVerdict::Failed, Some(refused(&error))),
            }
        }
    }

    /// What should pass any moment: a custom resource's path may take a while to be served after its definition is
    /// established, and a namespace of the same name may still be going away.
    fn any_moment(&self, error: &PortError) -> Option<(Trouble, Duration)> {
        let namespace = || self.target.namespace.clone().unwrap_or_default();
        if is_terminating(error) {
            Some((Trouble::Terminating(namespace()), Duration::from_secs(1)))
        } else if missing_namespace(error) {
            Some((Trouble::MissingNamespace(namespace()), Duration::from_millis(100)))
        } else {
            error.is_not_found().then(|| (Trouble::Unserved(self.kind), Duration::from_millis(100)))
        }
    }

    /// How long to wait before the next attempt; `None` gives up, and others are to know.
    fn wait(&self, tries: &mut Tries, error: &PortError) -> Option<Duration> {
        let webhook = broken_webhook(error);
        let policy = match &webhook {
            Some(name) => self.struggle.of_webhook(name),
            None => self.struggle.of_server(self.kind),
        };
        let wait = tries.wait(self.clock.now(), &policy, error);
        if wait.is_none() && error.is_retryable() {
            self.struggle.gave_up(webhook.map_or(Trouble::Kind(self.kind), Trouble::Webhook));
        }
        wait
    }

    /// It exists although the plan did not see it: made meanwhile, or by this very request whose answer was lost.
    async fn exists(&mut self, body: &[u8], status: Option<Vec<u8>>, maybe_ours: bool) -> Outcome {
        let there = match self.get().await {
            Ok(there) => there,
            Err(error) => return (ItemVerdict::Failed, Some(refused(&error))),
        };
        let Ok(wanted) = Manifest::from_slice(body) else {
            return because(ItemVerdict::Failed, "spool", "the prepared body is not an object");
        };
        match conflict(&wanted, &there, self.existing) {
            Conflict::Equal | Conflict::OwnedByTarget(_) if maybe_ours => {
                self.with_status(&there.to_vec(), status).await
            }
            Conflict::Equal => because(ItemVerdict::Unchanged, "equal", "the target holds it already"),
            Conflict::OwnedByTarget(why) => because(ItemVerdict::Unchanged, "owned-by-target", why),
            Conflict::Differs(pointer) => {
                let message = format!("it appeared in the target meanwhile and differs at {pointer}");
                because(ItemVerdict::Skipped, "exists-differs", message)
            }
            Conflict::Patch(patch) => self.patch(Bytes::from(patch.to_string())).await,
        }
    }

    async fn patch(&mut self, body: Bytes) -> Outcome {
        let mut tries = Tries::default();
        loop {
            self.writes += 1;
            let error = match self.cluster.patch(&self.object(), PatchKind::Merge, body.clone()).await {
                Ok(_) => {
                    self.struggle.went_well(self.kind, self.target.namespace.as_deref());
                    return because(ItemVerdict::Updated, "updated", "brought to what the backup holds");
                }
                Err(error) => error,
            };
            self.throttled |= error.kind == ErrorKind::Throttled;
            match self.wait(&mut tries, &error) {
                Some(wait) => self.clock.sleep(wait).await,
                None => return (ItemVerdict::Failed, Some(refused(&error))),
            }
        }
    }

    /// Writes the status back, when that was asked for.
    async fn with_status(&mut self, created: &[u8], status: Option<Vec<u8>>) -> Outcome {
        let done = (ItemVerdict::Created, None);
        let Some(status) = status.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok()) else {
            return done;
        };
        let Ok(mut object) = Manifest::from_slice(created) else { return done };
        object.set_gvk(&self.resource.gvk());
        object.set("/status", status);
        let (mut tries, mut conflicts) = (Tries::default(), 0);
        loop {
            self.writes += 1;
            let body = Bytes::from(object.to_vec());
            let error = match self.cluster.replace_subresource(&self.object(), "status", body).await {
                Ok(_) => return done,
                Err(error) => error,
            };
            if error.kind == ErrorKind::Conflict
                && conflicts < 10
                && let Ok(there) = self.get().await
                && let Some(version) = there.get("/metadata/resourceVersion").cloned()
            {
                conflicts += 1;
                object.set("/metadata/resourceVersion", version);
                continue;
            }
            match tries.wait(self.clock.now(), &RetryPolicy::PATIENT, &error) {
                Some(wait) => self.clock.sleep(wait).await,
                None => {
                    let message = format!("created, but its status could not be restored: {}", chain(&error));
                    return because(ItemVerdict::Created, "status-not-restored", message);
                }
            }
        }
    }

    async fn get(&self) -> Result<Manifest, PortError> {
        let object = self.object();
        let get = || self.cluster.get(&object);
        let body = retry(self.clock, &RetryPolicy::PATIENT, get).await?;
        Manifest::from_slice(&body)
            .map_err(|error| PortError::invalid("the server's answer is no object").with_source(error))
    }

    fn object(&self) -> ObjectRef<'_> {
        let namespace = self.target.namespace.as_deref();
        ObjectRef { resource: self.resource, namespace, name: &self.target.name }
    }
}
