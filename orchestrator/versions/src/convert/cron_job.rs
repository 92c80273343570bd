//! CronJob: `batch/v2alpha1`, `batch/v1beta1` ⇄ `batch/v1`. Lossless.
//!
//! The fields and the defaults are the same. `spec.timeZone` came with 1.24: an older target prunes it.
//!
//! Before:
//! ```yaml
//! apiVersion: batch/v1beta1
//! kind: CronJob
//! metadata: { name: report, namespace: shop }
//! spec:
//!   schedule: "*/5 * * * *"
//!   jobTemplate:
//!     spec:
//!       template:
//!         spec: { restartPolicy: OnFailure, containers: [{ name: report, image: "registry.example/report:1" }] }
//! ```
//! After:
//! ```yaml
//! apiVersion: batch/v1
//! kind: CronJob
//! metadata: { name: report, namespace: shop }
//! spec:
//!   schedule: "*/5 * * * *"
//!   concurrencyPolicy: Allow
//!   suspend: false
//!   successfulJobsHistoryLimit: 3
//!   failedJobsHistoryLimit: 1
//!   jobTemplate:
//!     spec:
//!       template:
//!         spec: { restartPolicy: OnFailure, containers: [{ name: report, image: "registry.example/report:1" }] }
//! ```

use serde_json::{Map, Value};

use super::draft::object_mut;
use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static CRON_JOB: Family = Family::same(&[
    Form::new("batch", "v2alpha1", "CronJob", "cronjobs"),
    Form::new("batch", "v1beta1", "CronJob", "cronjobs"),
    Form::new("batch", "v1", "CronJob", "cronjobs"),
])
.with_defaults(defaults);

fn defaults(body: &mut Map<String, Value>, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    draft.default(spec, &at, "concurrencyPolicy", "Allow");
    draft.default(spec, &at, "suspend", false);
    draft.default(spec, &at, "successfulJobsHistoryLimit", 3);
    draft.default(spec, &at, "failedJobsHistoryLimit", 1);
    Ok(())
}
