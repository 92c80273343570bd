//! Infrastructure whose runs are metered, and inside them the resources that come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use ports::infrastructure::{
    RecoveryApproval, RunToken, StackCancel, StackDiagnosis, StackDrift, StackEvent, StackOutcome, StackOutput,
    StackPlan, StackProgress, StackRequest,
};
use ports::{Infrastructure, PortError};
use serde_json::Value;

use super::meter::{Meter, Span, What};

pub(super) struct MeteredInfrastructure {
    inner: Arc<dyn Infrastructure>,
    meter: Arc<Meter>,
}

/// Passes on what it hears.
struct Heard<'a> {
    to: &'a dyn StackProgress,
    meter: &'a Meter,
}

impl StackProgress for Heard<'_> {
    fn report(&self, event: StackEvent) {
        if let StackEvent::Finished { elapsed, .. } = &event {
            self.meter.ended(What::Resource, *elapsed);
        }
        self.to.report(event);
    }
}

impl MeteredInfrastructure {
    pub(super) fn new(inner: Arc<dyn Infrastructure>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    fn span(&self) -> Span {
        self.meter.span(What::Terraform)
    }

    fn heard<'a>(&'a self, to: &'a dyn StackProgress) -> Heard<'a> {
        Heard { to, meter: &self.meter }
    }
}

#[async_trait]
impl Infrastructure for MeteredInfrastructure {
    async fn plan(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackPlan, PortError> {
        let _span = self.span();
        self.inner.plan(request, token, progress).await
    }

    async fn apply(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError> {
        let _span = self.span();
        self.inner.apply(request, token, &self.heard(progress)).await
    }

    async fn destroy(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError> {
        let _span = self.span();
        self.inner.destroy(request, token, &self.heard(progress)).await
    }

    async fn attach(&self, token: &RunToken, progress: &dyn StackProgress) -> Result<Option<StackOutcome>, PortError> {
        let _span = self.span();
        self.inner.attach(token, &self.heard(progress)).await
    }

    async fn cancel(&self, token: &RunToken, how: StackCancel) -> Result<(), PortError> {
        let _span = self.span();
        self.inner.cancel(token, how).await
    }

    async fn outputs(&self, request: &StackRequest) -> Result<BTreeMap<String, StackOutput>, PortError> {
        let _span = self.span();
        self.inner.outputs(request).await
    }

    async fn contract(&self, request: &StackRequest) -> Result<Option<Value>, PortError> {
        let _span = self.span();
        self.inner.contract(request).await
    }

    async fn drift(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<Vec<StackDrift>, PortError> {
        let _span = self.span();
        self.inner.drift(request, token, progress).await
    }

    async fn diagnose(&self, request: &StackRequest, token: &RunToken) -> Result<StackDiagnosis, PortError> {
        let _span = self.span();
        self.inner.diagnose(request, token).await
    }

    async fn recover(
        &self,
        request: &StackRequest,
        token: &RunToken,
        approval: &RecoveryApproval,
    ) -> Result<StackDiagnosis, PortError> {
        let _span = self.span();
        self.inner.recover(request, token, approval).await
    }
}
