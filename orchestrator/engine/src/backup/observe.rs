//! Looks at the cluster for a backup: discovery, namespaces, every kind that planning wants, many lists at once.
//!
//! A kind that cannot be listed is an error on that kind; everything else goes on. Bodies go to the spool, facts to the
//! table, at the same index.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ::ports::PortError;
use ::ports::cluster::ObjectRef;
use ::ports::retry::{RetryPolicy, retry};
use model::request::BackupRequest;
use model::{ApiResource, Catalog, Finding, GroupResource, KubernetesVersion, Reason, Severity, chain};
use plan::backup::facts::{FactTable, ItemFact, Keep, Role};
use plan::backup::items::Asked;
use plan::backup::policy::Fate;
use plan::backup::scope::{NamespaceFact, observe_namespace};
use plan::backup::{BackupPlan, KindsPlan, NamespaceScope, Policy, PolicyError, Query, Resolution, kinds, resolve};
use tokio::task::JoinSet;

use super::list::{ListError, ListTask, Listed, Sieve, list};
use super::spool::{Span, Spool, SpoolWriter};
use crate::ports::Outside;
use crate::progress::{Progress, Stage};

/// What a backup has seen.
pub(crate) struct Observation {
    /// As the server prints it.
    pub(crate) version: String,
    pub(crate) table: FactTable,
    pub(crate) spans: Vec<Span>,
    pub(crate) spool: Spool,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("the resource policies cannot be followed")]
    Policy(#[from] PolicyError),
    #[error("failed to discover what {server} serves")]
    Discover {
        server: String,
        #[source]
        source: PortError,
    },
    #[error("failed to list namespaces")]
    Namespaces(#[source] ListError),
    #[error("failed to write to the spool; is the disk full?")]
    Spool(#[source] std::io::Error),
    #[error("planning asked for the same facts again")]
    Circle,
    #[error("a lister stopped")]
    Lister(#[source] tokio::task::JoinError),
}

/// Lists at a time: enough to keep a server busy, few enough to leave it room.
const LISTERS: u16 = 6;

/// Observes, and plans as often as planning asks for more.
pub(crate) async fn observe(
    outside: &Outside,
    request: &BackupRequest,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(Observation, BackupPlan), ObserveError> {
    let policy = Policy::of(request)?;
    progress.begin(Stage::Discover, None);
    let cluster = outside.cluster.as_ref();
    let discovery = retry(outside.clock.as_ref(), &RetryPolicy::PATIENT, || cluster.discover())
        .await
        .map_err(|source| ObserveError::Discover { server: cluster.describe(), source })?;
    let mut findings: Vec<Finding> = discovery
        .failures
        .iter()
        .map(|(group_version, error)| {
            let message = format!("{group_version} is registered but does not answer: {}", chain(error));
            finding(Severity::Error, "api-unavailable", message)
        })
        .collect();
    let mut gathering = Gathering::new(folder, keep(request, &policy));
    let live = gathering.namespaces(outside, request, &discovery.catalog).await?;
    let scope = NamespaceScope::plan(&request.namespaces, &live);
    findings.extend(scope.findings.iter().cloned());
    let kinds = kinds(request, &policy, &discovery.catalog, &scope);
    gathering.sift_namespaces(&kinds, &discovery.catalog, &live);
    findings.extend(kinds.findings.iter().cloned());
    findings.extend(unknown_kinds(request, &discovery.catalog));
    progress.end(Stage::Discover);

    let tasks = tasks(request, &kinds, &live, gathering.keep);
    progress.begin(Stage::List, Some(tasks.len() as u64));
    gathering.list(outside, tasks, true, progress).await?;
    progress.end(Stage::List);

    let mut asked = Asked::default();
    let plan = loop {
        match resolve(request, &policy, &kinds.rules, &scope, &discovery.catalog, &gathering.table, &asked) {
            Resolution::Done(plan) => break *plan,
            Resolution::Need(queries) => {
                let before = asked.answered.len();
                gathering.answer(outside, &queries, &discovery.catalog, request, progress).await?;
                asked.answered.extend(queries);
                if asked.answered.len() == before {
                    return Err(ObserveError::Circle);
                }
            }
        }
    };
    findings.append(&mut gathering.findings);
    let spool = Spool::open(&gathering.files).map_err(ObserveError::Spool)?;
    let observation =
        Observation { version: discovery.version, table: gathering.table, spans: gathering.spans, spool, findings };
    Ok((observation, plan))
}

impl Observation {
    /// `major` and `minor` of the server, empty when its version is unreadable.
    pub(crate) fn major_minor(&self) -> (String, String) {
        match KubernetesVersion::parse(&self.version) {
            Ok(version) => (version.major.to_string(), version.minor.to_string()),
            Err(_) => (String::new(), String::new()),
        }
    }
}

/// Facts and spool files as they grow.
struct Gathering<'a> {
    folder: &'a Path,
    keep: Keep,
    table: FactTable,
    spans: Vec<Span>,
    files: Vec<(u16, std::path::PathBuf)>,
    findings: Vec<Finding>,
}

impl<'a> Gathering<'a> {
    fn new(folder: &'a Path, keep: Keep) -> Self {
        Self { folder, keep, table: FactTable::default(), spans: Vec::new(), files: Vec::new(), findings: Vec::new() }
    }

    fn writer(&self, ahead: u16) -> Result<SpoolWriter, ObserveError> {
        let number = u16::try_from(self.files.len()).unwrap_or(u16::MAX).saturating_add(ahead);
        SpoolWriter::create(self.folder, number).map_err(ObserveError::Spool)
    }

    /// Lists all namespaces: what is in is decided from their names and labels.
    async fn namespaces(
        &mut self,
        outside: &Outside,
        request: &BackupRequest,
        catalog: &Catalog,
    ) -> Result<BTreeMap<String, NamespaceFact>, ObserveError> {
        let Some(resource) = catalog.preferred(&GroupResource::new("namespaces", "")) else {
            return Ok(BTreeMap::new());
        };
        let task = ListTask {
            resource: resource.clone(),
            preferred: true,
            role: Role::Plain,
            namespace: None,
            selector: None,
            page_size: request.page_size,
            keep: Keep::default(),
            sieve: None,
        };
        let mut writer = self.writer(0)?;
        let listed = list(outside.cluster.as_ref(), outside.clock.as_ref(), &task, &mut writer)
            .await
            .map_err(ObserveError::Namespaces)?;
        let file = writer.finish().map_err(ObserveError::Spool)?;
        let spool = Spool::open(std::slice::from_ref(&file)).map_err(ObserveError::Spool)?;
        let mut live = BTreeMap::new();
        let mut body = Vec::new();
        for seen in &listed.items {
            spool.read(Span { file: 0, ..seen.span }, &mut body).map_err(ObserveError::Spool)?;
            if let Some((name, fact)) = observe_namespace(&body) {
                live.insert(name, fact);
            }
        }
        self.files.push(file);
        self.merge(&task, listed, true);
        for item in &mut self.table.items {
            let fact = live.get(&*item.name);
            item.selected = fact.is_some_and(|f| request.labels.admits(&f.labels));
            item.deleting = fact.is_none_or(|f| f.terminating);
        }
        Ok(live)
    }

    /// Selects namespaces as the policy says, where it names their kind.
    fn sift_namespaces(&mut self, kinds: &KindsPlan, catalog: &Catalog, live: &BTreeMap<String, NamespaceFact>) {
        let Some(resource) = catalog.preferred(&GroupResource::new("namespaces", "")) else { return };
        if let Fate::Filter(filter) = kinds.rules.items.fate(resource, None) {
            for item in &mut self.table.items {
                let labelled = live.get(&*item.name).is_some_and(|fact| filter.labels.admits(&fact.labels));
                item.selected = labelled && filter.names.admits(&item.name);
            }
        }
    }

    /// Runs many lists at once, each lister with a spool file of its own.
    async fn list(
        &mut self,
        outside: &Outside,
        tasks: Vec<ListTask>,
        selected: bool,
        progress: &dyn Progress,
    ) -> Result<(), ObserveError> {
        // The order of kinds is the order of storing, whatever comes back first.
        for task in &tasks {
            self.table.kind(&task.resource, task.preferred);
        }
        let total = tasks.len();
        let queue: Arc<Mutex<VecDeque<ListTask>>> = Arc::new(Mutex::new(tasks.into()));
        let (sender, mut results) = tokio::sync::mpsc::channel(4);
        let mut listers = JoinSet::new();
        for ahead in 0..LISTERS.min(u16::try_from(total).unwrap_or(LISTERS)) {
            let mut writer = self.writer(ahead)?;
            let (queue, sender, outside) = (Arc::clone(&queue), sender.clone(), outside.clone());
            listers.spawn(async move {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(task) = next else { break };
                    let outcome = list(outside.cluster.as_ref(), outside.clock.as_ref(), &task, &mut writer).await;
                    if sender.send((task, outcome)).await.is_err() {
                        break;
                    }
                }
                writer.finish()
            });
        }
        drop(sender);
        let mut done = 0;
        while let Some((task, outcome)) = results.recv().await {
            match outcome {
                Ok(listed) => self.merge(&task, listed, selected),
                Err(ListError::Spool(error)) => return Err(ObserveError::Spool(error)),
                Err(error) => self.failed(&task.resource, &error),
            }
            done += 1;
            progress.advance(Stage::List, done);
        }
        while let Some(file) = listers.join_next().await {
            self.files.push(file.map_err(ObserveError::Lister)?.map_err(ObserveError::Spool)?);
        }
        self.files.sort();
        Ok(())
    }

    fn failed(&mut self, resource: &ApiResource, error: &ListError) {
        let kind = resource.group_resource();
        let message = format!("{}; nothing of {kind} is in this backup", chain(error));
        let repeated = self.findings.iter().any(|f| f.reason.message == message);
        if !repeated {
            self.findings.push(finding(Severity::Error, "list-failed", message));
        }
    }

    fn merge(&mut self, task: &ListTask, listed: Listed, selected: bool) {
        let kind = self.table.kind(&task.resource, task.preferred);
        let numbers: Vec<u32> = listed
            .namespaces
            .iter()
            .map(|name| self.table.namespace((!name.is_empty()).then_some(name.as_str())))
            .collect();
        self.table.items.reserve(listed.items.len());
        self.spans.reserve(listed.items.len());
        for seen in listed.items {
            self.table.items.push(ItemFact {
                kind,
                namespace: numbers.get(seen.namespace as usize).copied().unwrap_or(0),
                name: seen.name,
                selected,
                deleting: seen.deleting,
                opted_out: seen.opted_out,
                more: seen.more,
            });
            self.spans.push(seen.span);
        }
        for text in listed.unreadable {
            let message = format!("an object of {} is left out: {text}", task.resource.group_resource());
            self.findings.push(finding(Severity::Error, "unreadable-object", message));
        }
    }

    /// Fetches what planning asks for.
    async fn answer(
        &mut self,
        outside: &Outside,
        queries: &std::collections::BTreeSet<Query>,
        catalog: &Catalog,
        request: &BackupRequest,
        progress: &dyn Progress,
    ) -> Result<(), ObserveError> {
        let mut lists = Vec::new();
        let mut writer = self.writer(0)?;
        let mut answers = Vec::new();
        for query in queries {
            match query {
                Query::List(kind) => {
                    let Some(resource) = catalog.preferred(kind) else { continue };
                    lists.push(task(resource, true, None, None, request, self.keep));
                }
                Query::Get(id) => {
                    let Some(resource) = catalog.preferred(&id.resource) else { continue };
                    let object = ObjectRef { resource, namespace: id.namespace.as_deref(), name: &id.name };
                    let get = || outside.cluster.get(&object);
                    match retry(outside.clock.as_ref(), &RetryPolicy::PATIENT, get).await {
                        Ok(body) => answers.push((task(resource, true, None, None, request, self.keep), body)),
                        Err(error) if error.is_not_found() => {}
                        Err(error) => {
                            let message =
                                format!("{id} is related to a stored item and is not saved: {}", chain(&error));
                            self.findings.push(finding(Severity::Error, "related-failed", message));
                        }
                    }
                }
            }
        }
        for (task, body) in answers {
            let listed = Listed::one(&task, &body, &mut writer).map_err(ObserveError::Spool)?;
            self.merge(&task, listed, false);
        }
        self.files.push(writer.finish().map_err(ObserveError::Spool)?);
        if !lists.is_empty() {
            self.list(outside, lists, false, progress).await?;
        }
        Ok(())
    }
}

fn tasks(
    request: &BackupRequest,
    kinds: &KindsPlan,
    live: &BTreeMap<String, NamespaceFact>,
    keep: Keep,
) -> Vec<ListTask> {
    let sieve = Arc::new(Sieve { rules: kinds.rules.items.clone(), labels: request.labels.clone() });
    let mut out = Vec::new();
    for list in &kinds.lists {
        if list.resource.resource == "namespaces" && list.resource.group.is_empty() && list.preferred {
            continue;
        }
        let governed = kinds.rules.items.govern(&list.resource);
        let asks = list.asks(request, &kinds.rules).into_iter();
        for ask in asks.filter(|ask| ask.namespace.as_ref().is_none_or(|name| live.contains_key(name))) {
            let keep = Keep { labels: governed, ..keep };
            let task = task(&list.resource, list.preferred, ask.namespace, ask.selector, request, keep);
            out.push(ListTask { sieve: governed.then(|| Arc::clone(&sieve)), ..task });
        }
    }
    out
}

/// What is worth keeping of each object, for this request.
fn keep(request: &BackupRequest, policy: &Policy) -> Keep {
    Keep {
        owners: !request.labels.is_everything(),
        pod_labels: request.hooks.iter().any(|hook| !hook.selector.labels.is_empty()),
        labels: false,
        volume_details: !policy.volumes.is_empty(),
    }
}

fn task(
    resource: &ApiResource,
    preferred: bool,
    namespace: Option<String>,
    selector: Option<String>,
    request: &BackupRequest,
    keep: Keep,
) -> ListTask {
    ListTask {
        resource: resource.clone(),
        preferred,
        role: if preferred { Role::of(&resource.group_resource()) } else { Role::Plain },
        namespace,
        selector,
        page_size: request.page_size,
        keep,
        sieve: None,
    }
}

/// Names in the request that the server does not know: the backup has nothing of them, and its user should hear so.
fn unknown_kinds(request: &BackupRequest, catalog: &Catalog) -> Vec<Finding> {
    use model::request::KindFilter;
    let filters = match &request.kinds {
        KindFilter::Classic { kinds, .. } => vec![kinds],
        KindFilter::Scoped { cluster, namespaced } => vec![cluster, namespaced],
    };
    let names = filters.into_iter().flat_map(|filter| filter.literal_includes());
    names
        .filter(|name| *name != "*" && catalog.resolve(name).is_none())
        .map(|name| {
            let message = format!("{name} is included but this cluster serves no such kind");
            finding(Severity::Error, "unknown-kind", message)
        })
        .collect()
}

fn finding(severity: Severity, code: &str, message: String) -> Finding {
    Finding { severity, item: None, pointer: None, reason: Reason::new(code, message) }
}
