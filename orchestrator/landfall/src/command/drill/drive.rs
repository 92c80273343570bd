//! Drives one run from where its journal stands to its verdict, and writes its reports.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use engine::drill::{DrillObserver, DriveError, StepProgress};
use jiff::Timestamp;
use ports::Clock as _;
use report::DrillReport;
use scenario::{Event, Record, Saga, Verdict, Waiting};

use super::answers::{Answers, Urge};
use super::report::Measured;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure};
use crate::runs::{FileJournal, RunFolder, Runs};
use crate::workshop::LocalWorkshop;
use crate::workshop::meter::{Meter, together};

/// How to drive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manner {
    /// Ask for what a finished run left or kept to be destroyed, in this name.
    pub(crate) undo_by: Option<String>,
    /// End, with the run unfinished, as soon as only a person can get it any further.
    pub(crate) leave_to_people: bool,
    /// Ctrl-C cancels, and a terminal may answer.
    pub(crate) at_terminal: bool,
    /// Carry on from before the first damaged line of the journal.
    pub(crate) cut_damage: bool,
    /// Goes before what the run's own record says.
    pub(crate) sign_key: Option<PathBuf>,
}

/// How far it came.
pub(crate) enum Driven {
    Ended {
        verdict: Verdict,
        report: Box<DrillReport>,
    },
    /// Only a person can get it any further.
    WaitsForPeople,
}

pub(crate) async fn drive(
    run: &RunFolder,
    context: &Context,
    observer: Arc<dyn DrillObserver>,
    manner: &Manner,
) -> Result<Driven, Failure> {
    let runs = Runs::of(&context.settings.state);
    let about = run.about()?;
    let journal = FileJournal::open(&run.journal_path(), manner.cut_damage).await.map_err(|error| {
        Failure::from(error.context(format!("run {} cannot be driven", run.id)))
            .exit(Exit::CouldNotRun)
            .hint(format!("`landfall drill status {}` shows where it stands", run.id))
    })?;
    let scenario = run.scenario().map_err(|error| Failure::from(error).exit(Exit::CouldNotRun))?;
    let mut saga = engine::drill::resume(&journal, scenario).await.map_err(|error| broken(error, run))?;
    if let (Some(by), Some(_)) = (&manner.undo_by, saga.verdict()) {
        append(&journal, &mut saga, Event::UndoRequested { by: by.clone() }).await?;
    }
    let meter = Meter::new();
    let opened = saga.header().opened;
    let before = run.read_json::<Measured>("measured.json", 1 << 20).unwrap_or_default();
    let workshop = LocalWorkshop::new(context.settings.clone(), about.project.clone(), Arc::clone(&meter))?;
    let answers = Answers::new(run.mailbox(), context, manner.at_terminal);
    let measuring = Arc::new(Measuring { run: run.clone(), meter, before, opened, observer });
    measuring.keep(SystemClock.now());
    let observer = answers.watched(Arc::clone(&measuring) as Arc<dyn DrillObserver>);
    let driving = engine::drill::drive(Arc::new(workshop), &answers, &journal, saga, observer);
    let ended = tokio::select! {
        ended = driving => Some(ended),
        urge = answers.urge(manner.leave_to_people) => match urge {
            Urge::People => None,
            Urge::Leave => {
                let error = anyhow::anyhow!("left run {} as it stands", run.id);
                return Err(Failure::from(error).exit(Exit::CouldNotRun).hint(resume_hint(run)));
            }
        },
    };
    measuring.keep(SystemClock.now());
    let Some(ended) = ended else { return Ok(Driven::WaitsForPeople) };
    let (_, verdict) = ended.map_err(|error| broken(error, run))?;
    let key = manner.sign_key.clone().or(about.sign_key);
    let report = match super::report::write(&runs, run, key.as_deref()) {
        Ok(report) => report,
        // The verdict stands in the journal; a full disk must not keep anybody from hearing it.
        Err(error) if key.is_none() => {
            let why = model::chain(error.as_ref());
            let again = format!("`landfall drill report {}` writes them when that is mended", run.id);
            context.printer.say(&format!("the reports could not be written: {why}; {again}"));
            super::report::report_of(&runs, run)?
        }
        Err(error) => {
            let hint =
                format!("it has ended; `landfall drill report {}` writes its reports and evidence again", run.id);
            return Err(Failure::from(error).exit(Exit::CouldNotRun).hint(hint));
        }
    };
    drop(journal);
    Ok(Driven::Ended { verdict, report: Box::new(report) })
}

/// Keeps what was measured with every record, so that a kill loses no more of it than of the journal.
struct Measuring {
    run: RunFolder,
    meter: Arc<Meter>,
    before: Measured,
    opened: Timestamp,
    observer: Arc<dyn DrillObserver>,
}

impl Measuring {
    fn measured(&self, now: Timestamp) -> Measured {
        let took = now.duration_since(self.opened).as_secs_f64();
        Measured { breakdown: together(&self.before.breakdown, self.meter.breakdown(), took) }
    }

    /// Whole or not at all, but not durable: a machine that goes down may take it along. A breakdown that cannot be
    /// kept is no reason to stop a recovery.
    fn keep(&self, now: Timestamp) {
        let part = self.run.file("measured.json.part");
        if let Ok(bytes) = serde_json::to_vec_pretty(&self.measured(now))
            && std::fs::write(&part, bytes).is_ok()
        {
            let _ = std::fs::rename(&part, self.run.file("measured.json"));
        }
    }
}

impl DrillObserver for Measuring {
    fn recorded(&self, saga: &Saga, record: &Record) {
        self.keep(record.at);
        self.observer.recorded(saga, record);
    }

    fn progress(&self, step: &str, progress: &StepProgress) {
        self.observer.progress(step, progress);
    }

    fn waiting(&self, saga: &Saga, waiting: &[Waiting], until: Option<Timestamp>) {
        self.observer.waiting(saga, waiting, until);
    }
}

async fn append(journal: &FileJournal, saga: &mut Saga, event: Event) -> Result<(), Failure> {
    use ports::Journal as _;

    let record = saga.next_record(SystemClock.now(), event);
    saga.clone().record(&record).context("this cannot follow")?;
    journal.append(&record.to_line().context("failed to encode a record")?).await?;
    saga.record(&record)?;
    Ok(())
}

/// The run is not over: say how it goes on.
fn broken(error: DriveError, run: &RunFolder) -> Failure {
    Failure::from(error).exit(Exit::CouldNotRun).hint(resume_hint(run))
}

pub(crate) fn resume_hint(run: &RunFolder) -> String {
    format!("carry on with `landfall drill resume {}`", run.id)
}

/// 0 only for what was verified.
pub(crate) fn exit_of(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Passed => Exit::Good,
        Verdict::Failed { .. } | Verdict::Stuck { .. } | Verdict::Cancelled { .. } => Exit::NotGood,
    }
}
