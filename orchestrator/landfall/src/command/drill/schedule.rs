//! `landfall drill schedule`: a process that starts drills when they are due, one machine's scheduler.
//!
//! What is due is decided in `scenario::schedule`; this wakes, starts, notifies, forgets.

mod notify;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ports::Clock as _;
use report::DrillReport;
use scenario::schedule::{Decision, On, Past, Schedule, due};
use scenario::{CancelMode, Event, RunKind, Scenario, Verdict};
use tokio::task::JoinSet;

use super::drive::{Driven, Manner, drive};
use super::live::Live;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::runs::{About, RunFolder, Runs, Tick};
use notify::{Notice, Notifier};
use plan::Kept;

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// DrillSchedule files.
    #[arg(required = true)]
    schedules: Vec<PathBuf>,
    /// Start what is due now, wait for it, and end; for a cron job.
    #[arg(long)]
    once: bool,
    /// Only print when each schedule runs next.
    #[arg(long, conflicts_with = "once")]
    show: bool,
    /// Sign the evidence of every drill with this ed25519 key, PKCS#8 in PEM.
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
}

/// A schedule, ready to use.
struct Active {
    schedule: Schedule,
    zone: TimeZone,
    scenario: Arc<Scenario>,
    scenario_file: PathBuf,
    project: PathBuf,
    kept: Kept,
    /// What was told to end already, so that it is told once.
    replaced: BTreeSet<String>,
}

/// How a drill of a schedule came out.
struct Ended {
    schedule: usize,
    run: String,
    outcome: Result<(Verdict, Box<DrillReport>), String>,
}

/// What one look at a schedule came to.
struct Turn {
    wake_at: Option<Timestamp>,
    /// Something is due and waits for what it replaces.
    held: bool,
}

/// Even when nothing is due, files and clocks change.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

pub(crate) async fn run(args: &ScheduleArgs, context: Context) -> Outcome {
    let mut active = Vec::new();
    for path in &args.schedules {
        active.push(Active::load(path, args.show, &context)?);
    }
    if args.show {
        return plan::show(&active, &context);
    }
    let context = Arc::new(context);
    // Heard from now on, whatever is being done when it comes.
    let mut end = std::pin::pin!(ending());
    super::sweep::expired(&context).await?;
    let notifier = Notifier::new()?;
    let mut running: JoinSet<Ended> = JoinSet::new();
    for (index, schedule) in active.iter().enumerate() {
        schedule.carry_on(index, &mut running, &context)?;
    }
    let mut good = true;
    loop {
        let mut wake: Option<Timestamp> = None;
        let mut held = false;
        for (index, schedule) in active.iter_mut().enumerate() {
            match schedule.turn(index, args, &mut running, &notifier, &context).await {
                Ok(turn) => {
                    wake = [wake, turn.wake_at].into_iter().flatten().min();
                    held |= turn.held;
                }
                // The other schedules go on, and this one is looked at again.
                Err(failure) => {
                    good = false;
                    let why = model::chain(failure.error.as_ref());
                    context.printer.say(&format!("{}: {why}", schedule.schedule.name));
                }
            }
        }
        if args.once && running.is_empty() && !held {
            return Ok(if good { Exit::Good } else { Exit::NotGood });
        }
        let now = SystemClock.now();
        let until = wake.map_or(LONGEST_SLEEP, |at| {
            Duration::try_from(at.duration_since(now)).unwrap_or_default().clamp(Duration::from_secs(1), LONGEST_SLEEP)
        });
        tokio::select! {
            Some(ended) = running.join_next() => match ended {
                Ok(ended) => {
                    good &= matches!(ended.outcome, Ok((Verdict::Passed, _)));
                    active[ended.schedule].ended(&ended, &notifier, &context).await;
                }
                Err(error) => context.printer.say(&format!("a drill's task ended early: {error}")),
            },
            () = SystemClock.sleep(until) => {}
            () = &mut end => {
                let words = match running.len() {
                    0 => "ending".to_owned(),
                    // Their journals know where they stand; the next start carries on.
                    number => format!("ending; {number} drills are left as they stand and carried on by the next start"),
                };
                context.printer.say(&words);
                return Ok(Exit::Good);
            }
        }
    }
}

fn ending() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};

    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        match signals {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            }
            _ => std::future::pending().await,
        }
    }
}

impl Active {
    fn load(path: &Path, only_look: bool, context: &Context) -> Result<Self, Failure> {
        let text = crate::command::read_input(path)?;
        let schedule = scenario::schedule::load(&text).map_err(|problems| {
            let lines: Vec<String> =
                problems.list().iter().map(|problem| format!("{}:{problem}", path.display())).collect();
            Failure::usage(lines.join("\n"))
        })?;
        let zone = TimeZone::get(&schedule.zone_name)
            .map_err(|_| Failure::usage(format!("there is no time zone {:?}", schedule.zone_name)))?;
        let scenario_file = path.parent().unwrap_or(Path::new(".")).join(&schedule.scenario);
        let scenario = super::load::scenario(&scenario_file)?;
        scenario.inputs(&schedule.inputs).map_err(|problems| Failure::usage(problems.join("; ")))?;
        let project = super::load::project_of(&scenario_file, &scenario)?;
        let mut kept = Kept::open(&context.settings.state, &schedule.name, SystemClock.now())?;
        if !only_look {
            kept.take().map_err(|error| Failure::from(error).exit(Exit::CouldNotRun))?;
        }
        Ok(Self { schedule, zone, scenario, scenario_file, project, kept, replaced: BTreeSet::new() })
    }

    /// The drills that this schedule has started, as far as their folders are there.
    fn past(&self, runs: &Runs) -> anyhow::Result<BTreeMap<String, (Past, RunFolder)>> {
        let mut past = BTreeMap::new();
        for run in runs.list()? {
            let Ok(about) = run.about() else { continue };
            let Some(tick) = about.schedule.filter(|tick| tick.schedule == self.schedule.name) else { continue };
            let (ended, verdict, kept) = match run.recorded() {
                Ok(recorded) => {
                    let verdict = recorded.saga.verdict().cloned();
                    let last = recorded.journal.records.last().map(|record| record.at);
                    (verdict.as_ref().and(last), verdict, !recorded.saga.still_there().is_empty())
                }
                // Nobody can tell whether it has ended; it must not hold up the schedule, nor be forgotten.
                Err(_) => (Some(tick.tick), None, true),
            };
            past.insert(run.id.clone(), (Past { drill: run.id.clone(), tick: tick.tick, ended, verdict, kept }, run));
        }
        Ok(past)
    }

    /// After a crash or a stop: drills that nobody drives are carried on with.
    fn carry_on(&self, index: usize, running: &mut JoinSet<Ended>, context: &Arc<Context>) -> anyhow::Result<()> {
        for (past, run) in self.past(&Runs::of(&context.settings.state))?.into_values() {
            if past.ended.is_none() && !run.is_driven() {
                context.printer.say(&format!("carrying on with {}", run.id));
                start(index, run, running, context);
            }
        }
        Ok(())
    }

    async fn turn(
        &mut self,
        index: usize,
        args: &ScheduleArgs,
        running: &mut JoinSet<Ended>,
        notifier: &Notifier,
        context: &Arc<Context>,
    ) -> Result<Turn, Failure> {
        let runs = Runs::of(&context.settings.state);
        let now = SystemClock.now();
        let past = self.past(&runs)?;
        let list: Vec<Past> = past.values().map(|(past, _)| past.clone()).collect();
        let Decision { start: starts, cancel, held, skipped, forget, wake_at } =
            due(&self.schedule, &self.zone, &list, self.kept.since, now);
        for id in cancel {
            if let Some((_, run)) = past.get(&id)
                && self.replaced.insert(id.clone())
            {
                let by = format!("schedule {}", self.schedule.name);
                run.mailbox().post(now, Event::CancelRequested { mode: CancelMode::Now, by, undo: None })?;
                context.printer.say(&format!("{id}: cancelled, a later one replaces it"));
            }
        }
        for (tick, why) in &skipped {
            let words = format!("{}: the run of {tick} is skipped: {why}", self.schedule.name);
            context.printer.say(&words);
            notifier.tell(&self.schedule, On::Skipped, &Notice::words(&self.schedule.name, &words), context).await;
        }
        let mut handled: Vec<Timestamp> = skipped.iter().map(|(tick, _)| *tick).collect();
        for tick in starts {
            let mut about = About::new(self.project.clone(), self.scenario_file.clone());
            about.schedule = Some(Tick { schedule: self.schedule.name.clone(), tick });
            about.sign_key.clone_from(&args.sign_key);
            let inputs = self.scenario.inputs(&self.schedule.inputs).unwrap_or_default();
            let overlap = self.schedule.concurrency != scenario::schedule::Concurrency::Forbid;
            match super::run::begin(&self.scenario, inputs, RunKind::Drill, about, overlap, context) {
                Ok(run) => {
                    context.printer.say(&format!("{}: {} begins, for {tick}", self.schedule.name, run.id));
                    start(index, run, running, context);
                }
                Err(failure) => {
                    let why = model::chain(failure.error.as_ref());
                    let words = format!("{}: the run of {tick} cannot begin: {why}", self.schedule.name);
                    context.printer.say(&words);
                    notifier
                        .tell(&self.schedule, On::Failed, &Notice::words(&self.schedule.name, &words), context)
                        .await;
                }
            }
            handled.push(tick);
        }
        for id in forget {
            if let Some((_, run)) = past.get(&id) {
                run.remove()?;
            }
        }
        if let Some(latest) = handled.into_iter().max() {
            self.kept.since = self.kept.since.max(latest);
            self.kept.save()?;
        }
        self.freshness(&runs, now, notifier, context).await?;
        Ok(Turn { wake_at, held: !held.is_empty() })
    }

    /// Tells once when the last pass has become too old.
    async fn freshness(
        &mut self,
        runs: &Runs,
        now: Timestamp,
        notifier: &Notifier,
        context: &Context,
    ) -> Result<(), Failure> {
        let Some(limit) = self.scenario.freshness else { return Ok(()) };
        let passes = super::look::passes(runs, &self.scenario.name)?;
        let stale = scenario::schedule::freshness(limit, passes, now).stale;
        if stale && !self.kept.stale {
            let words = format!("{}: no pass within the last {limit}", self.scenario.name);
            context.printer.say(&words);
            notifier.tell(&self.schedule, On::Stale, &Notice::words(&self.schedule.name, &words), context).await;
        }
        if stale != self.kept.stale {
            self.kept.stale = stale;
            self.kept.save()?;
        }
        Ok(())
    }

    async fn ended(&self, ended: &Ended, notifier: &Notifier, context: &Context) {
        match &ended.outcome {
            Ok((verdict, report)) => {
                context.printer.say(&format!("{}: {} {}", self.schedule.name, ended.run, report.verdict.headline));
                let on = match verdict {
                    Verdict::Passed => On::Passed,
                    Verdict::Failed { .. } => On::Failed,
                    Verdict::Stuck { .. } => On::Stuck,
                    Verdict::Cancelled { .. } => On::Cancelled,
                };
                notifier.tell(&self.schedule, on, &Notice::report(&self.schedule.name, report), context).await;
            }
            Err(why) => {
                let words = format!("{}: {} could not go on: {why}", self.schedule.name, ended.run);
                context.printer.say(&words);
                notifier.tell(&self.schedule, On::Failed, &Notice::words(&self.schedule.name, &words), context).await;
            }
        }
    }
}

fn start(schedule: usize, run: RunFolder, running: &mut JoinSet<Ended>, context: &Arc<Context>) {
    let context = Arc::clone(context);
    running.spawn(async move {
        let live = Arc::new(Live::plain(context.printer, &run.id));
        let outcome = match drive(&run, &context, live, &Manner::default()).await {
            Ok(Driven::Ended { verdict, report }) => Ok((verdict, report)),
            Ok(Driven::WaitsForPeople) => Err("it waits for a person".to_owned()),
            Err(failure) => Err(model::chain(failure.error.as_ref())),
        };
        Ended { schedule, run: run.id, outcome }
    });
}
