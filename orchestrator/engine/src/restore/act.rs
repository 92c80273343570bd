//! Carries out a plan: wave by wave, many requests at once, as many as the server takes.
//!
//! Each item ends with one verdict and one reason. What fails does not stop the rest. A create that may have gone
//! through although its answer was lost is looked up, never repeated blindly.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::ports::cluster::{ObjectRef, PatchKind};
use ::ports::{Clock, Cluster, ErrorKind, PortError};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use model::request::ExistingPolicy;
use model::{ApiResource, ItemId, Manifest, Reason, chain};
use plan::restore::conflict::{Conflict, conflict};
use plan::restore::order::Wave;
use plan::restore::webhooks::UnreadyWebhooks;

use super::prepared::{PlannedRestore, Work};
use super::{ItemVerdict, RestoreJob, gates};
use crate::log::RunLog;
use crate::ports::{Outside, Patience};
use crate::progress::{Progress, Stage};

/// What was done.
pub(super) struct Acted {
    /// One for each item of the plan that was sent.
    pub(super) outcomes: BTreeMap<u32, (ItemVerdict, Reason)>,
    pub(super) writes: u64,
}

/// Requests in flight: where it starts, and how far it goes.
const START: usize = 64;
const MOST: usize = 128;
const LEAST: usize = 4;
/// How long the backends of webhooks are waited for.
const BACKENDS: Duration = Duration::from_secs(300);

pub(super) async fn act(
    outside: &Outside,
    job: &RestoreJob<'_>,
    planned: &PlannedRestore,
    log: &RunLog,
    progress: &dyn Progress,
) -> Acted {
    progress.begin(Stage::Apply, Some(planned.work.len() as u64));
    let mut acted = Acted { outcomes: BTreeMap::new(), writes: 0 };
    let mut limit = START;
    let mut done = 0;
    let mut wait_for_backends = match job.webhooks {
        UnreadyWebhooks::Wait => Some(false),
        UnreadyWebhooks::WorkloadsFirst => Some(true),
        UnreadyWebhooks::Warn | UnreadyWebhooks::Fail => None,
    };
    for wave in planned.work.chunk_by(|a, b| (a.late, a.wave) == (b.late, b.wave)) {
        if wait_for_backends.is_some_and(|late| wave.first().is_some_and(|work| work.late == late)) {
            gates::wait(outside, &planned.target, &planned.backends, BACKENDS, log).await;
            wait_for_backends = None;
        }
        let mut waiting = wave.iter();
        let mut in_flight = FuturesUnordered::new();
        loop {
            while in_flight.len() < limit {
                let Some(work) = waiting.next() else { break };
                in_flight.push(send(outside, job, planned, *work));
            }
            let Some(sent) = in_flight.next().await else { break };
            acted.writes += sent.writes;
            limit = match sent.throttled {
                true => (limit / 2).max(LEAST),
                false => (limit + usize::from(done % 32 == 0)).min(MOST),
            };
            let now = outside.clock.now();
            let target = &planned.file.items[sent.planned as usize].target;
            match sent.verdict {
                ItemVerdict::Failed => log.error(now, Some(target), &sent.reason.message),
                ItemVerdict::Skipped => log.warn(now, Some(target), &sent.reason.message),
                ItemVerdict::Created | ItemVerdict::Updated | ItemVerdict::Unchanged | ItemVerdict::Blocked => {}
            }
            acted.outcomes.insert(sent.planned, (sent.verdict, sent.reason));
            done += 1;
            progress.advance(Stage::Apply, done);
        }
        if wave.first().is_some_and(|work| work.wave == Wave::Definitions) {
            established(outside, planned, wave, &mut acted, log).await;
        }
    }
    progress.end(Stage::Apply);
    acted
}

struct Sent {
    planned: u32,
    verdict: ItemVerdict,
    reason: Reason,
    writes: u64,
    throttled: bool,
}

/// One item, until it is done or given up.
async fn send(outside: &Outside, job: &RestoreJob<'_>, planned: &PlannedRestore, work: Work) -> Sent {
    let item = &planned.file.items[work.planned as usize];
    let resource = &planned.resources[usize::from(work.resource)];
    let mut sending = Sending {
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
        Err(error) => (ItemVerdict::Failed, Reason::new("spool", format!("failed to read the spool: {error}"))),
    };
    Sent { planned: work.planned, verdict, reason, writes: sending.writes, throttled: sending.throttled }
}

fn read(planned: &PlannedRestore, work: Work) -> std::io::Result<(Bytes, Option<Vec<u8>>)> {
    Ok((Bytes::from(planned.read(work.body)?), work.status.map(|span| planned.read(span)).transpose()?))
}

struct Sending<'a> {
    cluster: &'a Arc<dyn Cluster>,
    clock: &'a dyn Clock,
    resource: &'a ApiResource,
    target: &'a ItemId,
    existing: ExistingPolicy,
    writes: u64,
    throttled: bool,
}

type Outcome = (ItemVerdict, Reason);

impl Sending<'_> {
    async fn run(&mut self, body: Bytes, status: Option<Vec<u8>>, is_patch: bool) -> Outcome {
        if is_patch {
            return self.patch(body).await;
        }
        let patience = Patience::default();
        let mut attempts = 0;
        // A custom resource's path may take a moment to be served after its definition is established, and a
        // namespace of the same name may still be going away.
        let mut unserved = 0;
        loop {
            self.writes += 1;
            match self.cluster.create(&self.object(), body.clone(), false).await {
                Ok(created) => return self.with_status(&created, status).await,
                Err(error) if error.is_already_exists() => return self.exists(&body, status, attempts > 0).await,
                Err(error) => {
                    self.throttled |= error.kind == ErrorKind::Throttled;
                    attempts += 1;
                    let may_pass = error.kind == ErrorKind::NotFound || is_terminating(&error);
                    if may_pass && unserved < 100 {
                        unserved += 1;
                        self.clock.sleep(Duration::from_millis(if is_terminating(&error) { 1000 } else { 100 })).await;
                        continue;
                    }
                    let Some(wait) = patience.wait(attempts, &error) else {
                        return (ItemVerdict::Failed, refused(&error));
                    };
                    self.clock.sleep(wait).await;
                }
            }
        }
    }

    /// It exists although the plan did not see it: made meanwhile, or by this very request whose answer was lost.
    async fn exists(&mut self, body: &[u8], status: Option<Vec<u8>>, maybe_ours: bool) -> Outcome {
        let there = match self.get().await {
            Ok(there) => there,
            Err(error) => return (ItemVerdict::Failed, refused(&error)),
        };
        let Ok(wanted) = Manifest::from_slice(body) else {
            return (ItemVerdict::Failed, Reason::new("spool", "the prepared body is not an object"));
        };
        match conflict(&wanted, &there, self.existing) {
            Conflict::Equal | Conflict::OwnedByTarget(_) if maybe_ours => {
                self.with_status(&there.to_vec(), status).await
            }
            Conflict::Equal => (ItemVerdict::Unchanged, Reason::new("equal", "the target holds it already")),
            Conflict::OwnedByTarget(why) => (ItemVerdict::Unchanged, Reason::new("owned-by-target", why)),
            Conflict::Differs(pointer) => {
                let message = format!("it appeared in the target meanwhile and differs at {pointer}");
                (ItemVerdict::Skipped, Reason::new("exists-differs", message))
            }
            Conflict::Patch(patch) => self.patch(Bytes::from(patch.to_string())).await,
        }
    }

    async fn patch(&mut self, body: Bytes) -> Outcome {
        let patience = Patience::default();
        let mut attempts = 0;
        loop {
            self.writes += 1;
            match self.cluster.patch(&self.object(), PatchKind::Merge, body.clone()).await {
                Ok(_) => return (ItemVerdict::Updated, Reason::new("updated", "brought to what the backup holds")),
                Err(error) => {
                    attempts += 1;
                    self.throttled |= error.kind == ErrorKind::Throttled;
                    let Some(wait) = patience.wait(attempts, &error) else {
                        return (ItemVerdict::Failed, refused(&error));
                    };
                    self.clock.sleep(wait).await;
                }
            }
        }
    }

    /// Writes the status back, when that was asked for.
    async fn with_status(&mut self, created: &[u8], status: Option<Vec<u8>>) -> Outcome {
        // Nothing is to be said of what went well. Sixty thousand small strings between the bodies would pin the memory
        // that the bodies leave.
        let done = (ItemVerdict::Created, Reason { code: String::new(), message: String::new() });
        let Some(status) = status.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok()) else {
            return done;
        };
        let Ok(mut object) = Manifest::from_slice(created) else { return done };
        object.set_gvk(&self.resource.gvk());
        object.set("/status", status);
        let mut attempts = 0;
        loop {
            self.writes += 1;
            let body = Bytes::from(object.to_vec());
            let error = match self.cluster.replace_subresource(&self.object(), "status", body).await {
                Ok(_) => return done,
                Err(error) => error,
            };
            attempts += 1;
            if error.kind == ErrorKind::Conflict
                && attempts < 10
                && let Ok(there) = self.get().await
                && let Some(version) = there.get("/metadata/resourceVersion").cloned()
            {
                object.set("/metadata/resourceVersion", version);
                continue;
            }
            match Patience::default().wait(attempts, &error) {
                Some(wait) => self.clock.sleep(wait).await,
                None => {
                    let message = format!("created, but its status could not be restored: {}", chain(&error));
                    return (ItemVerdict::Created, Reason::new("status-not-restored", message));
                }
            }
        }
    }

    async fn get(&self) -> Result<Manifest, PortError> {
        let object = self.object();
        let get = || self.cluster.get(&object);
        let body = crate::ports::retrying(self.clock, Patience::default(), get).await?;
        Manifest::from_slice(&body)
            .map_err(|error| PortError::invalid("the server's answer is no object").with_source(error))
    }

    fn object(&self) -> ObjectRef<'_> {
        let namespace = self.target.namespace.as_deref();
        ObjectRef { resource: self.resource, namespace, name: &self.target.name }
    }
}

/// Waits until every definition that was sent is established; those that are not become failures.
async fn established(outside: &Outside, planned: &PlannedRestore, wave: &[Work], acted: &mut Acted, log: &RunLog) {
    const PATIENCE: usize = 600;
    for work in wave {
        let item = &planned.file.items[work.planned as usize];
        let sent = acted.outcomes.get(&work.planned).is_some_and(|(verdict, _)| *verdict == ItemVerdict::Created);
        if !sent {
            continue;
        }
        let resource = &planned.resources[usize::from(work.resource)];
        let object = ObjectRef { resource, namespace: None, name: &item.target.name };
        let mut why = "it is not established".to_owned();
        let mut done = false;
        for _ in 0..PATIENCE {
            match outside.cluster.get(&object).await.map(|body| Manifest::from_slice(&body)) {
                Ok(Ok(definition)) if holds(&definition, "Established") && holds(&definition, "NamesAccepted") => {
                    done = true;
                    break;
                }
                Ok(_) => {}
                Err(error) => why = chain(&error),
            }
            outside.clock.sleep(Duration::from_millis(50)).await;
        }
        if !done {
            let message = format!("created, but {why}");
            log.error(outside.clock.now(), Some(&item.target), &message);
            acted.outcomes.insert(work.planned, (ItemVerdict::Failed, Reason::new("not-established", message)));
        }
    }
}

fn holds(object: &Manifest, condition: &str) -> bool {
    let conditions = object.get("/status/conditions").and_then(|v| v.as_array());
    conditions.into_iter().flatten().any(|c| c["type"] == condition && c["status"] == "True")
}

fn is_terminating(error: &PortError) -> bool {
    error.reason.as_deref() == Some("NamespaceTerminating")
}

/// One code and one message for a request that was refused for good.
fn refused(error: &PortError) -> Reason {
    let message = chain(error);
    let code = match error.kind {
        ErrorKind::Invalid | ErrorKind::Denied if message.contains("admission webhook") => "admission",
        ErrorKind::Invalid if message.contains("already allocated") => "port-allocated",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Denied if message.contains("exceeded quota") => "quota",
        ErrorKind::Denied => "denied",
        ErrorKind::NotFound => "not-served",
        ErrorKind::Conflict if is_terminating(error) => "namespace-terminating",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Unavailable => "unavailable",
    };
    Reason::new(code, message)
}
