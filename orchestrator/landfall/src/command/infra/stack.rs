//! `landfall infra plan | apply | destroy | drift | doctor`: stacks by terraform or tofu.
//!
//! Runs of one stack share one folder of this machine, so that a run that outlived its command is found again.

mod flags;
mod show;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use clap::Args;
use jiff::SignedDuration;
use ports::infrastructure::{RecoveryApproval, RunToken, StackCancel, StackEnding, StackOutcome, StackRequest};
use ports::{Infrastructure, PortError};
use terraform::TerraformInfrastructure;

use super::news::News;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::command::backup::manage::ask;
use crate::failure::{Exit, Failure, Outcome};
use crate::settings::Settings;
use flags::{AllowFlags, StackFlags};

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    stack: StackFlags,
    #[command(flatten)]
    allow: AllowFlags,
    /// Exit with 4 when an apply would change something.
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    stack: StackFlags,
    #[command(flatten)]
    allow: AllowFlags,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Do not ask.
    #[arg(long)]
    confirm: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    #[command(flatten)]
    stack: StackFlags,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    stack: StackFlags,
    /// Do the steps that are safe, and those allowed below.
    #[arg(long)]
    fix: bool,
    /// Break the lock with this id; its holder must be dead.
    #[arg(long, value_name = "ID", requires = "fix")]
    unlock: Option<String>,
    /// Take a resource as healthy, so that it is not replaced.
    #[arg(long, value_name = "ADDRESS", requires = "fix")]
    untaint: Vec<String>,
    /// Let the next apply import what was created and is in no state.
    #[arg(long, requires = "fix")]
    import: bool,
    /// A person has looked after this address; it holds up no further apply.
    #[arg(long, value_name = "ADDRESS", requires = "fix")]
    checked: Vec<String>,
}

/// A plan that somebody looked at longer ago than this is made and looked at again.
const PLANS_LAST: SignedDuration = SignedDuration::from_hours(24);

/// The driver, as the environment and the flags have it.
pub(super) fn driver(settings: &Settings, flags: Option<&StackFlags>) -> Result<TerraformInfrastructure, Failure> {
    let mut driver = terraform::Settings::new(settings.state.join("infra"), Settings::inherited());
    driver.expiry = Some(terraform::Expiry { clock: Arc::new(SystemClock), limit: PLANS_LAST });
    if let Some(flags) = flags {
        flags.settings(&mut driver);
    }
    Ok(TerraformInfrastructure::new(driver))
}

/// One stack, ready to be worked on.
struct Work {
    driver: TerraformInfrastructure,
    request: StackRequest,
    token: RunToken,
}

impl Work {
    fn new(stack: &StackFlags, allow: Option<&AllowFlags>, context: &Context) -> Result<Self, Failure> {
        let driver = driver(&context.settings, Some(stack))?;
        let request = stack.request(allow)?;
        let token = flags::token(&request)?;
        Ok(Self { driver, request, token })
    }

    /// Waits for work, and climbs down the ladder each time that a person presses Ctrl-C.
    async fn stoppable<T>(
        &self,
        news: &News,
        work: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let mut work = std::pin::pin!(work);
        let mut pressed = 0_u32;
        loop {
            tokio::select! {
                done = &mut work => return done,
                signal = tokio::signal::ctrl_c() => {
                    if signal.is_err() {
                        return work.await;
                    }
                    pressed += 1;
                    let (how, words) = rung(pressed);
                    news.say(words);
                    if let Err(error) = self.driver.cancel(&self.token, how).await {
                        news.say(&format!("warning: {}", model::chain(&error)));
                    }
                }
            }
        }
    }
}

/// What the n-th Ctrl-C means.
fn rung(pressed: u32) -> (StackCancel, &'static str) {
    match pressed {
        1 => (
            StackCancel::AfterCurrent,
            "stopping: what runs is let finish, nothing else starts; Ctrl-C again interrupts the tool",
        ),
        2 => (
            StackCancel::Interrupt,
            "interrupted: the tool stops as soon as it can; Ctrl-C again forces it out, which may lose what it did last",
        ),
        _ => (StackCancel::Force, "forced: the tool leaves at once; `landfall infra doctor` says what is left"),
    }
}

pub(super) async fn plan(args: &PlanArgs, context: &Context) -> Outcome {
    let work = Work::new(&args.stack, Some(&args.allow), context)?;
    let news = News::new(context.printer);
    let plan = work.stoppable(&news, work.driver.plan(&work.request, &work.token, &news)).await.map_err(failure)?;
    news.result("plan", &plan, show::plan)?;
    Ok(match (plan.refusals.is_empty(), plan.applyable && args.detailed_exitcode) {
        (false, _) => Exit::Decision,
        (true, true) => Exit::Changes,
        (true, false) => Exit::Good,
    })
}

pub(super) async fn apply(args: &RunArgs, context: &Context) -> Outcome {
    let work = Work::new(&args.stack, Some(&args.allow), context)?;
    let news = News::new(context.printer);
    let apply = work.driver.apply(&work.request, &work.token, &news);
    let outcome = work.stoppable(&news, apply).await.map_err(failure)?;
    ended(&news, &outcome)
}

pub(super) async fn destroy(args: &DestroyArgs, context: &Context) -> Outcome {
    let work = Work::new(&args.run.stack, Some(&args.run.allow), context)?;
    let question = format!("destroy everything that {} describes?", work.request.directory.display());
    if !args.confirm && !ask(&question)? {
        return Err(Failure::usage("nothing was destroyed").hint("answer y, or give --confirm"));
    }
    let news = News::new(context.printer);
    let destroy = work.driver.destroy(&work.request, &work.token, &news);
    let outcome = work.stoppable(&news, destroy).await.map_err(failure)?;
    ended(&news, &outcome)
}

pub(super) async fn drift(args: &DriftArgs, context: &Context) -> Outcome {
    let work = Work::new(&args.stack, None, context)?;
    let news = News::new(context.printer);
    let drift = work.driver.drift(&work.request, &work.token, &news);
    let drifts = work.stoppable(&news, drift).await.map_err(failure)?;
    news.result("drift", &drifts, |drifts| show::drift(drifts))?;
    Ok(if drifts.is_empty() { Exit::Good } else { Exit::Changes })
}

pub(super) async fn doctor(args: &DoctorArgs, context: &Context) -> Outcome {
    let work = Work::new(&args.stack, None, context)?;
    let diagnosis = if args.fix {
        let set = |addresses: &[String]| addresses.iter().cloned().collect::<BTreeSet<_>>();
        let approval = RecoveryApproval {
            unlock: args.unlock.clone(),
            untaint: set(&args.untaint),
            import: args.import,
            checked: set(&args.checked),
        };
        work.driver.recover(&work.request, &work.token, &approval).await.map_err(failure)?
    } else {
        work.driver.diagnose(&work.request, &work.token).await.map_err(failure)?
    };
    context.printer.value(&diagnosis, show::diagnosis)?;
    // That the same command has to be given once more is no step by itself.
    let open = diagnosis.steps.iter().any(|step| step.code != "retry");
    Ok(if open { Exit::Decision } else { Exit::Good })
}

fn ended(news: &News, outcome: &StackOutcome) -> Outcome {
    news.result("outcome", outcome, show::outcome)?;
    Ok(if outcome.ending == StackEnding::Done { Exit::Good } else { Exit::NotGood })
}

/// What was refused or has to be settled is a decision; what the request lacks is usage.
fn failure(error: PortError) -> Failure {
    let exit = match error.reason.as_deref() {
        Some("PolicyRefused" | "RecoveryNeeded" | "ToolSwitch") => Exit::Decision,
        Some("MissingVariable" | "NoStack" | "WorkspaceMissing") => Exit::Usage,
        Some("Cancelled") => Exit::NotGood,
        _ => Exit::CouldNotRun,
    };
    let hint = match error.reason.as_deref() {
        Some("PolicyRefused") => Some("allow an address with --allow-destroy ADDRESS, if its loss is meant"),
        Some("RecoveryNeeded") => Some("`landfall infra doctor DIR` names the steps, and --fix does the safe ones"),
        Some("ToolSwitch") => Some("--allow-tool-switch lets this tool take the state over"),
        Some("MissingVariable") => Some("give --var NAME=VALUE or --var-file FILE"),
        _ => None,
    };
    let mut failure = Failure::from(error).exit(exit);
    if let Some(hint) = hint {
        failure = failure.hint(hint);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_forces_only_at_its_end() {
        let ladder: Vec<StackCancel> = (1..=4).map(|pressed| rung(pressed).0).collect();
        use StackCancel::{AfterCurrent, Force, Interrupt};
        assert_eq!(ladder, [AfterCurrent, Interrupt, Force, Force]);
    }

    #[test]
    fn refusals_are_decisions() {
        let exit = |reason: &str| failure(PortError::denied("no").with_reason(reason)).exit;
        assert_eq!(exit("PolicyRefused"), Exit::Decision);
        assert_eq!(exit("RecoveryNeeded"), Exit::Decision);
        assert_eq!(exit("MissingVariable"), Exit::Usage);
        assert_eq!(exit("Locked"), Exit::CouldNotRun);
    }
}
