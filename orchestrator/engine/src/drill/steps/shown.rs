//! The progress of a backup or a restore, shown as the progress of its step.

use std::sync::{Mutex, PoisonError};

use crate::drill::observer::StepProgress;
use crate::drill::step::StepContext;
use crate::progress::{Progress, Stage};

pub(super) struct Shown<'a> {
    context: &'a StepContext,
    total: Mutex<Option<u64>>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(context: &'a StepContext) -> Self {
        Self { context, total: Mutex::default() }
    }

    fn show(&self, stage: Stage, done: u64) {
        let total = *self.total.lock().unwrap_or_else(PoisonError::into_inner);
        self.context.show(StepProgress { text: word(stage).to_owned(), done, total });
    }
}

impl Progress for Shown<'_> {
    fn begin(&self, stage: Stage, total: Option<u64>) {
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) = total;
        self.show(stage, 0);
    }

    fn advance(&self, stage: Stage, done: u64) {
        self.show(stage, done);
    }

    fn end(&self, _stage: Stage) {}
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Discover => "looking at what is served",
        Stage::List => "listing",
        Stage::Store => "writing the archive",
        Stage::Upload => "uploading",
        Stage::Download => "reading the backup",
        Stage::Prepare => "preparing",
        Stage::Apply => "applying",
        Stage::Wait => "waiting",
        Stage::Verify => "reading back",
    }
}
