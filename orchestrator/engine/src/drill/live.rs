//! A live cluster as steps look at it: kinds by name, objects parsed, answers retried.
//!
//! For looking at what people name and what a step made. Backups and restores have their own, streaming ways.

use std::sync::Arc;
use std::time::Duration;

use ::ports::cluster::{ListEvent, ListQuery, ObjectRef};
use ::ports::retry::{RetryPolicy, Tries, retry};
use ::ports::{Clock, Cluster, PortError};
use bytes::Bytes;
use futures::StreamExt;
use model::{ApiResource, Catalog, KubernetesVersion, Manifest};
use scenario::steps::ClusterHandle;
use scenario::{Failure, FailureKind, Period};

use super::step::{StepContext, failed};

/// More objects of one kind than this are not looked at one by one.
const MAX_OBJECTS: usize = 200_000;

pub(super) struct Live {
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) catalog: Catalog,
    /// As the server prints it.
    pub(super) version: String,
    patience: RetryPolicy,
}

impl Live {
    pub(super) async fn connect(context: &StepContext, handle: &ClusterHandle) -> Result<Self, Failure> {
        Self::connect_with(context, handle, RetryPolicy::PATIENT).await
    }

    /// Does not wait long for a server that may be gone.
    pub(super) async fn connect_shortly(context: &StepContext, handle: &ClusterHandle) -> Result<Self, Failure> {
        Self::connect_with(context, handle, RetryPolicy::BRIEF).await
    }

    async fn connect_with(
        context: &StepContext,
        handle: &ClusterHandle,
        patience: RetryPolicy,
    ) -> Result<Self, Failure> {
        let cluster = context.cluster(handle).await?;
        let clock = Arc::clone(&context.clock);
        let discovery = retry(clock.as_ref(), &patience, || cluster.discover())
            .await
            .map_err(|error| failed(format!("failed to discover what {} serves", cluster.describe()), &error))?;
        Ok(Self { clock, catalog: discovery.catalog, version: discovery.version, cluster, patience })
    }

    /// Looks again at what is served.
    pub(super) async fn discover(&mut self) -> Result<(), Failure> {
        let discovery = retry(self.clock.as_ref(), &self.patience, || self.cluster.discover())
            .await
            .map_err(|error| failed(format!("failed to discover what {} serves", self.cluster.describe()), &error))?;
        self.catalog = discovery.catalog;
        self.version = discovery.version;
        Ok(())
    }

    /// `1.36`, or the server's own words.
    pub(super) fn release(&self) -> String {
        match KubernetesVersion::parse(&self.version) {
            Ok(version) => format!("{}.{}", version.major, version.minor),
            Err(_) => self.version.clone(),
        }
    }

    /// The kind that a person means, in the version that the server prefers.
    pub(super) fn resource(&self, word: &str) -> Result<&ApiResource, Failure> {
        let found = self.catalog.resolve(word).and_then(|kind| self.catalog.preferred(&kind));
        found
            .ok_or_else(|| Failure::new(FailureKind::NotFound, format!("{} serves no {word}", self.cluster.describe())))
    }

    pub(super) async fn list(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Vec<Manifest>, PortError> {
        let (mut tries, mut expired) = (Tries::default(), 0);
        loop {
            match self.list_once(resource, namespace, selector).await {
                Ok(objects) => return Ok(objects),
                Err(error) if error.is_expired() && expired < 5 => expired += 1,
                Err(error) => match tries.wait(self.clock.now(), &self.patience, &error) {
                    Some(wait) => self.clock.sleep(wait).await,
                    None => return Err(error),
                },
            }
        }
    }

    async fn list_once(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Vec<Manifest>, PortError> {
        let mut out = Vec::new();
        let mut token = None;
        loop {
            let namespace = namespace.filter(|_| resource.namespaced);
            let label_selector = selector.map(str::to_owned);
            let query = ListQuery { resource, namespace, label_selector, limit: 500, continue_token: token };
            let mut stream = self.cluster.list(&query).await?;
            token = None;
            while let Some(event) = stream.next().await {
                match event? {
                    ListEvent::Item(body) => {
                        let mut object = parse(&body)?;
                        object.set_gvk(&resource.gvk());
                        out.push(object);
                    }
                    ListEvent::End { continue_token, .. } => token = continue_token.filter(|token| !token.is_empty()),
                }
            }
            if out.len() > MAX_OBJECTS {
                let message = format!("there are more than {MAX_OBJECTS} {}", resource.group_resource());
                return Err(PortError::invalid(message));
            }
            if token.is_none() {
                return Ok(out);
            }
        }
    }

    /// One object; `None` when it is not there.
    pub(super) async fn get(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Manifest>, PortError> {
        let object = ObjectRef { resource, namespace: namespace.filter(|_| resource.namespaced), name };
        match retry(self.clock.as_ref(), &self.patience, || self.cluster.get(&object)).await {
            Ok(body) => parse(&body).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object. `false` when one of that name is there already.
    pub(super) async fn create(&self, resource: &ApiResource, object: &Manifest) -> Result<bool, PortError> {
        let namespace = object.namespace().filter(|_| resource.namespaced);
        let target = ObjectRef { resource, namespace, name: object.name() };
        let body = Bytes::from(object.to_vec());
        let create = || self.cluster.create(&target, body.clone(), false);
        match retry(self.clock.as_ref(), &self.patience, create).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks for an object to be deleted; one that is not there is as good as deleted.
    pub(super) async fn delete(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<(), PortError> {
        let object = ObjectRef { resource, namespace: namespace.filter(|_| resource.namespaced), name };
        match retry(self.clock.as_ref(), &self.patience, || self.cluster.delete(&object)).await {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn parse(body: &[u8]) -> Result<Manifest, PortError> {
    Manifest::from_slice(body).map_err(|error| PortError::invalid("the server sent no object").with_source(error))
}

/// Tries again until a time is over, a little less often each time.
pub(super) struct Trying<'a> {
    context: &'a StepContext,
    until: jiff::Timestamp,
    pause: Duration,
}

impl<'a> Trying<'a> {
    pub(super) fn new(context: &'a StepContext, within: Period) -> Self {
        let now = context.clock.now();
        let until = now.checked_add(within.0).unwrap_or(jiff::Timestamp::MAX);
        Self { context, until, pause: Duration::from_millis(250) }
    }

    /// Waits before the next try; gives the failure back when the time is over or trying again cannot help.
    pub(super) async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        let now = self.context.clock.now();
        if !failure.is_retryable() || now >= self.until {
            return Err(failure);
        }
        self.context.say(format!("waiting: {}", failure.message));
        let left = Duration::try_from(self.until.duration_since(now)).unwrap_or_default();
        self.context.clock.sleep(self.pause.min(left)).await;
        self.pause = (self.pause * 3 / 2).min(Duration::from_secs(5));
        Ok(())
    }
}
