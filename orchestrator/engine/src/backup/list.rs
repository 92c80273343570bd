//! Lists one kind into a spool: page by page, body by body.
//!
//! A page that breaks off is asked for again; a continue token that has expired begins the kind anew, so that what is
//! kept of a kind is always one consistent list.

use std::sync::Arc;

use ::ports::cluster::{ListEvent, ListQuery};
use ::ports::retry::{RetryPolicy, Tries};
use ::ports::{Clock, Cluster, PortError};
use futures::StreamExt;
use model::request::LabelChoice;
use model::{ApiResource, chain};
use plan::backup::facts::{Keep, More, Role, observe};
use plan::backup::policy::{Fate, ItemRules};

use super::spool::{Span, SpoolWriter};

/// One list to make.
#[derive(Debug, Clone)]
pub(crate) struct ListTask {
    pub(crate) resource: ApiResource,
    pub(crate) preferred: bool,
    pub(crate) role: Role,
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Option<String>,
    pub(crate) page_size: u32,
    pub(crate) keep: Keep,
    /// Tells the objects of this list apart, where a policy does.
    pub(crate) sieve: Option<Arc<Sieve>>,
}

/// A policy's rules for items, and the request's labels where it has none.
#[derive(Debug)]
pub(crate) struct Sieve {
    pub(crate) rules: ItemRules,
    pub(crate) labels: LabelChoice,
}

/// One object of a list: its facts, and where its body lies.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) name: Box<str>,
    /// Index into [`Listed::namespaces`].
    pub(crate) namespace: u32,
    pub(crate) deleting: bool,
    pub(crate) opted_out: bool,
    pub(crate) more: Option<Box<More>>,
    pub(crate) span: Span,
}

#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Seen>,
    /// Namespaces met; the first is "none".
    pub(crate) namespaces: Vec<String>,
    /// Objects that could not be read, in words.
    pub(crate) unreadable: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("failed to list {kind}")]
    Port {
        kind: String,
        #[source]
        source: PortError,
    },
    #[error("failed to write to the spool; is the disk full?")]
    Spool(#[source] std::io::Error),
}

const RESTARTS: u32 = 5;

pub(crate) async fn list(
    cluster: &dyn Cluster,
    clock: &dyn Clock,
    task: &ListTask,
    spool: &mut SpoolWriter,
) -> Result<Listed, ListError> {
    list_some(cluster, clock, task, spool, &|_, _| true).await
}

/// Which objects of a list are kept, by namespace and name.
pub(crate) type Wanted<'a> = &'a (dyn Fn(Option<&str>, &str) -> bool + Send + Sync);

/// Lists one kind and keeps what is wanted of it.
pub(crate) async fn list_some(
    cluster: &dyn Cluster,
    clock: &dyn Clock,
    task: &ListTask,
    spool: &mut SpoolWriter,
    wanted: Wanted<'_>,
) -> Result<Listed, ListError> {
    let failed = |source| ListError::Port { kind: task.resource.group_resource().to_string(), source };
    let mut restarts = 0;
    let mut tries = Tries::default();
    let mut listed = Listed::begin();
    let mut token: Option<String> = None;
    loop {
        let mark = (listed.items.len(), listed.unreadable.len());
        // A list that expires again and again is asked for in one piece.
        let limit = if restarts == RESTARTS { 0 } else { task.page_size };
        match page(cluster, task, limit, token.clone(), spool, &mut listed, wanted).await {
            Ok(None) => return Ok(listed),
            Ok(more) => {
                token = more;
                tries = Tries::default();
            }
            Err(PageError::Spool(error)) => return Err(ListError::Spool(error)),
            Err(PageError::Port(error)) if error.is_expired() && restarts < RESTARTS => {
                restarts += 1;
                token = None;
                listed = Listed::begin();
            }
            Err(PageError::Port(error)) => {
                listed.items.truncate(mark.0);
                listed.unreadable.truncate(mark.1);
                let Some(wait) = tries.wait(clock.now(), &RetryPolicy::PATIENT, &error) else {
                    return Err(failed(error));
                };
                clock.sleep(wait).await;
            }
        }
    }
}

enum PageError {
    Port(PortError),
    Spool(std::io::Error),
}

async fn page(
    cluster: &dyn Cluster,
    task: &ListTask,
    limit: u32,
    token: Option<String>,
    spool: &mut SpoolWriter,
    listed: &mut Listed,
    wanted: Wanted<'_>,
) -> Result<Option<String>, PageError> {
    let query = ListQuery {
        resource: &task.resource,
        namespace: task.namespace.as_deref(),
        label_selector: task.selector.clone(),
        limit,
        continue_token: token,
    };
    let head = head(task);
    let mut stream = cluster.list(&query).await.map_err(PageError::Port)?;
    while let Some(event) = stream.next().await {
        match event.map_err(PageError::Port)? {
            ListEvent::Item(body) => listed.add(task, &head, &body, spool, wanted).map_err(PageError::Spool)?,
            ListEvent::End { continue_token, .. } => return Ok(continue_token.filter(|token| !token.is_empty())),
        }
    }
    Err(PageError::Port(PortError::unavailable("the list ended before its end")))
}

/// What a body of a built-in list lacks.
fn head(task: &ListTask) -> String {
    format!("{{\"apiVersion\":\"{}\",\"kind\":\"{}\",", task.resource.group_version(), task.resource.kind)
}

impl Listed {
    fn begin() -> Self {
        Self { namespaces: vec![String::new()], ..Self::default() }
    }

    /// The outcome of a single get.
    pub(crate) fn one(task: &ListTask, body: &[u8], spool: &mut SpoolWriter) -> std::io::Result<Self> {
        let mut listed = Self::begin();
        listed.add(task, &head(task), body, spool, &|_, _| true)?;
        Ok(listed)
    }

    fn add(
        &mut self,
        task: &ListTask,
        head: &str,
        body: &[u8],
        spool: &mut SpoolWriter,
        wanted: Wanted<'_>,
    ) -> std::io::Result<()> {
        let mut seen = match observe(task.role, task.keep, body) {
            Ok(seen) => seen,
            Err(error) => {
                self.unreadable.push(chain(&error));
                return Ok(());
            }
        };
        if task.resource.namespaced != seen.namespace.is_some() {
            self.unreadable.push(format!("{:?} is not where its kind lives", seen.name));
            return Ok(());
        }
        if !wanted(seen.namespace.as_deref(), &seen.name) {
            return Ok(());
        }
        if let Some(sieve) = &task.sieve {
            let namespace = seen.namespace.as_deref();
            if !sieve.rules.selects(&task.resource, namespace, &seen.name, &seen.labels, &sieve.labels) {
                return Ok(());
            }
            // Where a policy says what is in, owners are in only if it says so.
            if !matches!(sieve.rules.fate(&task.resource, namespace), Fate::Request) {
                seen.more.iter_mut().for_each(|more| more.owners.clear());
            }
        }
        // Servers leave apiVersion and kind out of the items of built-in lists.
        let span = match (&seen.api_version, body.split_first()) {
            (None, Some((b'{', rest))) => spool.append(&[head.as_bytes(), rest])?,
            _ => spool.append(&[body])?,
        };
        let namespace = self.namespace_number(seen.namespace);
        self.items.push(Seen {
            name: seen.name,
            namespace,
            deleting: seen.deleting,
            opted_out: seen.opted_out,
            more: seen.more,
            span,
        });
        Ok(())
    }

    fn namespace_number(&mut self, namespace: Option<String>) -> u32 {
        let Some(namespace) = namespace else { return 0 };
        // Lists come sorted by namespace: the last one is nearly always the right one.
        if self.namespaces.last() != Some(&namespace) {
            if let Some(at) = self.namespaces.iter().position(|known| *known == namespace) {
                return u32::try_from(at).unwrap_or(0);
            }
            self.namespaces.push(namespace);
        }
        u32::try_from(self.namespaces.len() - 1).unwrap_or(0)
    }
}
