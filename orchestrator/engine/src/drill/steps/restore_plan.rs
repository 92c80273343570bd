//! `restore.plan`: decides what a restore would do, item by item; changes nothing.

use plan::restore::prepare::Rewrite;
use scenario::steps::restore_plan::{Outputs, Params};
use scenario::{Failure, FailureKind};

use super::restoring::{Restoring, of_plan};
use super::shown::Shown;
use crate::drill::step::{StepContext, broke, disk};

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let restoring = Restoring::open(context, &of_plan(params)).await?;
    let rewrite = restoring.rewriting().map(crate::rewriting::Rewriting::rewrite);
    let job = restoring.job(rewrite.as_ref().map(|rewrite| rewrite as &dyn Rewrite));
    let planned = crate::restore::plan(&restoring.outside, &job, &restoring.opened, &Shown::new(context)).await;
    let planned = planned.map_err(|error| broke(format!("failed to plan the restore of {}", params.backup), &error))?;
    let path = context.folder()?.join("plan.json");
    let text = serde_json::to_vec_pretty(&planned.file);
    let text = text.map_err(|error| Failure::new(FailureKind::Other, error.to_string()))?;
    std::fs::write(&path, text).map_err(|error| disk("write", &path, &error))?;
    let counts = planned.file.counts();
    Ok(Outputs {
        create: counts.create as u64,
        update: counts.update as u64,
        skip: counts.skip as u64,
        convert: counts.converted as u64,
        rewrite: counts.rewritten as u64,
        blocked: counts.blocked as u64,
    })
}
