//! A Kubernetes API in memory: real semantics, faults on request, a log of every request.
//!
//! It has what restores and backups stumble over: resource versions, conflicts, namespaces that must exist and that
//! terminate, finalizers, status that only its subresource writes, CRDs that make kinds, pages that expire. It has no
//! defaulting, no schemas, no admission and no conversion: an object is the same in every version of its kind.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use model::{ApiResource, Catalog, GroupResource, Gvk};
use ports::cluster::{
    Cluster, Discovery, ExecExit, ExecOutcome, ExecRequest, ListEvent, ListQuery, ListStream, ObjectRef, PatchKind,
};
use ports::{Clock, PortError};
use serde_json::Value;

use crate::clock::{FakeClock, lock};

mod admit;
mod answers;
mod crd;
mod fault;
mod list;
mod log;
mod merge;
mod namespaces;
mod patch;
mod state;
mod write;

pub use answers::Refusal;
pub use fault::{Effect, Fault};
pub use log::{Call, Logged, Verb};

use fault::{Faults, Verdict};
use state::State;

type ExecHandler = Box<dyn Fn(&ExecRequest) -> Result<ExecOutcome, PortError> + Send + Sync>;

/// The fake. Everything is behind one lock; share it in an `Arc`.
pub struct FakeCluster {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    faults: Faults,
    log: Vec<Logged>,
    in_flight: usize,
    most_in_flight: usize,
    exec: Option<ExecHandler>,
}

impl FakeCluster {
    /// Serves this catalog; the namespaces that every cluster has are there.
    pub fn new(catalog: Catalog) -> Self {
        Self::with_clock(catalog, Arc::new(FakeClock::jumping()))
    }

    pub fn with_clock(catalog: Catalog, clock: Arc<dyn Clock>) -> Self {
        let state = State::new(catalog, clock.now());
        let inner =
            Inner { state, faults: Faults::default(), log: Vec::new(), in_flight: 0, most_in_flight: 0, exec: None };
        Self { clock, inner: Mutex::new(inner) }
    }

    /// Serves [`crate::standard_catalog`].
    pub fn standard() -> Self {
        Self::new(crate::standard_catalog())
    }

    // What the server is.

    pub fn set_version(&self, version: &str) {
        lock(&self.inner).state.version = version.to_owned();
    }

    pub fn catalog(&self) -> Catalog {
        lock(&self.inner).state.catalog.clone()
    }

    /// Discovery reports this group version as failed; its kinds are gone from the catalog.
    pub fn break_group_version(&self, group_version: model::GroupVersion, refusal: Refusal) {
        lock(&self.inner).state.break_group_version(group_version, refusal);
    }

    /// Without a namespace controller, deleted namespaces stay `Terminating` for ever, as on a bare apiserver.
    pub fn set_namespace_controller(&self, runs: bool) {
        lock(&self.inner).state.namespace_controller = runs;
    }

    /// While held, new CRDs do not become established; releasing establishes them all.
    pub fn hold_crds(&self, held: bool) {
        lock(&self.inner).state.hold_crds(held);
    }

    /// Answers exec; without a handler every command ends with 0 and says nothing.
    pub fn on_exec(&self, handler: impl Fn(&ExecRequest) -> Result<ExecOutcome, PortError> + Send + Sync + 'static) {
        lock(&self.inner).exec = Some(Box::new(handler));
    }

    /// Answers GET of a path.
    pub fn set_path(&self, path: &str, status: u16, body: impl Into<Bytes>) {
        lock(&self.inner).state.paths.insert(path.to_owned(), (status, body.into()));
    }

    // What is in it, past the log and the faults.

    /// Puts an object there as it is, system fields filled in where missing; its namespace comes to be.
    ///
    /// # Panics
    /// When the object has no kind that is served, or no name: a mistake in the test.
    pub fn seed(&self, object: Value) {
        let now = self.clock.now();
        lock(&self.inner).state.seed(object, now);
    }

    pub fn object(&self, resource: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        lock(&self.inner).state.read(&GroupResource::parse(resource), namespace, name)
    }

    /// Everything of a kind, in the order of a list.
    pub fn objects(&self, resource: &str) -> Vec<Value> {
        lock(&self.inner).state.read_all(&GroupResource::parse(resource))
    }

    /// Everything there is: `deployments.apps/shop/web` → object.
    pub fn dump(&self) -> std::collections::BTreeMap<String, Value> {
        lock(&self.inner).state.dump()
    }

    /// Changes an object behind everybody's back; a change makes a new resource version.
    ///
    /// # Panics
    /// When there is no such object.
    pub fn edit(&self, resource: &str, namespace: Option<&str>, name: &str, change: impl FnOnce(&mut Value)) {
        let now = self.clock.now();
        lock(&self.inner).state.edit(&GroupResource::parse(resource), namespace, name, now, change);
    }

    /// Removes what has owners, all of which are gone, as the garbage collector does.
    pub fn collect_garbage(&self) {
        let now = self.clock.now();
        lock(&self.inner).state.collect_garbage(now);
    }

    /// Every continue token handed out so far is too old.
    pub fn expire_tokens(&self) {
        lock(&self.inner).state.expire_tokens();
    }

    // Faults.

    pub fn add_fault(&self, fault: Fault) {
        lock(&self.inner).faults.add(fault);
    }

    /// The next `requests` find nobody there.
    pub fn restart(&self, requests: u32) {
        self.add_fault(Fault::refuse(Refusal::unavailable()).times(requests));
    }

    /// The next `requests` are told to slow down.
    pub fn storm(&self, requests: u32, retry_after: Option<std::time::Duration>) {
        self.add_fault(Fault::refuse(Refusal::throttled(retry_after)).times(requests));
    }

    /// After `requests` more, everything fails until `revive`: the caller's process is as good as dead.
    pub fn kill_after(&self, requests: u32) {
        lock(&self.inner).faults.kill_after(requests);
    }

    pub fn revive(&self) {
        lock(&self.inner).faults.revive();
    }

    // What was asked.

    pub fn log(&self) -> Vec<Logged> {
        lock(&self.inner).log.clone()
    }

    pub fn clear_log(&self) {
        let mut inner = lock(&self.inner);
        inner.log.clear();
        inner.most_in_flight = 0;
    }

    /// Requests that could have changed something; dry runs cannot.
    pub fn writes(&self) -> Vec<Call> {
        let inner = lock(&self.inner);
        inner.log.iter().map(|logged| &logged.call).filter(|call| call.writes()).cloned().collect()
    }

    /// The most requests that were under way at the same time since the log was cleared.
    pub fn most_in_flight(&self) -> usize {
        lock(&self.inner).most_in_flight
    }

    /// Runs one request: in turn with others, past the faults, into the log.
    async fn run<T>(
        &self,
        call: Call,
        act: impl FnOnce(&mut Inner, jiff::Timestamp) -> Result<T, PortError> + Send,
    ) -> Result<(T, Option<usize>), PortError> {
        {
            let mut inner = lock(&self.inner);
            inner.in_flight += 1;
            inner.most_in_flight = inner.most_in_flight.max(inner.in_flight);
        }
        let _leaving = Leaving(&self.inner);
        // A real server takes its time; others get in between.
        tokio::task::yield_now().await;
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        let verdict = inner.faults.judge(&call);
        let (outcome, cut) = match verdict {
            Verdict::Pass => (act(&mut inner, now), None),
            Verdict::CutList(after) => (act(&mut inner, now), Some(after)),
            Verdict::Refuse(refusal) => (Err(refusal.error()), None),
            Verdict::LoseAnswer => {
                let done = act(&mut inner, now);
                (done.and(Err(Refusal::lost().error())), None)
            }
            Verdict::Forget => {
                let before = inner.state.objects.clone();
                let done = act(&mut inner, now);
                inner.state.objects = before;
                (done, None)
            }
            Verdict::StripLabels => {
                let done = act(&mut inner, now);
                if let Some(resource) = call.resource.as_ref().filter(|_| done.is_ok()) {
                    inner.state.edit(resource, call.namespace.as_deref(), &call.name, now, |object| {
                        object["metadata"].as_object_mut().map(|metadata| metadata.remove("labels"));
                    });
                }
                (done, None)
            }
        };
        let outcome = outcome.map(|value| (value, cut));
        inner.log.push(Logged { call, error: outcome.as_ref().err().map(|e| (e.kind, e.reason.clone())) });
        outcome
    }

    async fn body(
        &self,
        call: Call,
        act: impl FnOnce(&mut State, jiff::Timestamp) -> Result<Value, PortError> + Send,
    ) -> Result<Bytes, PortError> {
        let (value, _) = self.run(call, |inner, now| act(&mut inner.state, now)).await?;
        Ok(Bytes::from(value.to_string()))
    }
}

/// Counts a request out again, also when its future is dropped.
struct Leaving<'a>(&'a Mutex<Inner>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        lock(self.0).in_flight -= 1;
    }
}

#[async_trait]
impl Cluster for FakeCluster {
    async fn discover(&self) -> Result<Discovery, PortError> {
        Ok(self.run(Call::new(Verb::Discover), |inner, _| Ok(inner.state.discovery())).await?.0)
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<ListStream, PortError> {
        let call = Call::list(query);
        let (page, cut) = self.run(call, |inner, _| inner.state.list(query)).await?;
        let end = ListEvent::End { continue_token: page.continue_token, resource_version: page.resource_version };
        let mut events: Vec<Result<ListEvent, PortError>> =
            page.items.into_iter().map(|item| Ok(ListEvent::Item(item))).collect();
        match cut {
            Some(after) => {
                events.truncate(after);
                events.push(Err(Refusal::cut().error()));
            }
            None => events.push(Ok(end)),
        }
        Ok(Box::pin(stream::iter(events)))
    }

    async fn get(&self, object: &ObjectRef<'_>) -> Result<Bytes, PortError> {
        self.body(Call::object(Verb::Get, object), |state, _| state.get(object)).await
    }

    async fn create(&self, object: &ObjectRef<'_>, body: Bytes, dry_run: bool) -> Result<Bytes, PortError> {
        let call = Call { dry_run, ..Call::create(object, &body) };
        self.body(call, |state, now| state.create(object, &body, dry_run, now)).await
    }

    async fn replace(&self, object: &ObjectRef<'_>, body: Bytes) -> Result<Bytes, PortError> {
        self.body(Call::object(Verb::Replace, object), |state, now| state.replace(object, &body, now)).await
    }

    async fn patch(&self, object: &ObjectRef<'_>, kind: PatchKind, body: Bytes) -> Result<Bytes, PortError> {
        self.body(Call::object(Verb::Patch, object), |state, now| state.patch(object, kind, &body, now)).await
    }

    async fn replace_subresource(
        &self,
        object: &ObjectRef<'_>,
        subresource: &str,
        body: Bytes,
    ) -> Result<Bytes, PortError> {
        let call = Call { detail: subresource.to_owned(), ..Call::object(Verb::ReplaceSubresource, object) };
        self.body(call, |state, now| state.replace_subresource(object, subresource, &body, now)).await
    }

    async fn delete(&self, object: &ObjectRef<'_>) -> Result<(), PortError> {
        let call = Call::object(Verb::Delete, object);
        self.run(call, |inner, now| inner.state.delete(object, now)).await.map(|_| ())
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecOutcome, PortError> {
        let act = |inner: &mut Inner, _| {
            let pod = inner.state.read(&GroupResource::parse("pods"), Some(&request.namespace), &request.pod);
            if pod.is_none() {
                return Err(answers::not_found(&GroupResource::parse("pods"), &request.pod));
            }
            match &inner.exec {
                Some(handler) => handler(request),
                None => Ok(ExecOutcome { stdout: String::new(), stderr: String::new(), exit: ExecExit::Code(0) }),
            }
        };
        Ok(self.run(Call::exec(request), act).await?.0)
    }

    async fn get_path(&self, path: &str) -> Result<(u16, Bytes), PortError> {
        let call = Call { detail: path.to_owned(), ..Call::new(Verb::GetPath) };
        Ok(self.run(call, |inner, _| inner.state.path(path)).await?.0)
    }

    fn describe(&self) -> String {
        "fake".to_owned()
    }
}

/// Finds a served resource by a kind, for tests that build `ObjectRef`s.
///
/// # Panics
/// When the catalog does not serve it.
pub fn resource(catalog: &Catalog, api_version: &str, kind: &str) -> ApiResource {
    let gvk = Gvk::from_api_version(api_version, kind);
    catalog.find_kind(&gvk).unwrap_or_else(|| panic!("{gvk} is not in the catalog")).clone()
}

#[cfg(test)]
mod tests;
