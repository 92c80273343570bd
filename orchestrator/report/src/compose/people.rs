//! What people were asked, and what they did.

use scenario::format::CancelMode;
use scenario::{Event, Journal};

use crate::view::{ApprovalView, InterventionView};

pub(super) fn approvals(journal: &Journal) -> Vec<ApprovalView> {
    let mut views: Vec<ApprovalView> = Vec::new();
    for record in &journal.records {
        let mut answer = |step: &str, word: &str, by: &str, comment: &str| {
            if let Some(view) = views.iter_mut().rev().find(|view| view.step == step && view.answered.is_none()) {
                view.answered = Some(record.at);
                view.answer = word.to_owned();
                view.by = by.to_owned();
                view.comment = comment.to_owned();
            }
        };
        match &record.event {
            Event::Asked { step } => views.push(ApprovalView {
                step: step.clone(),
                asked: record.at,
                answered: None,
                answer: "unanswered".to_owned(),
                by: String::new(),
                comment: String::new(),
            }),
            Event::Approved { step, by, comment } => answer(step, "approved", by, comment),
            Event::Rejected { step, by, comment } => answer(step, "rejected", by, comment),
            _ => {}
        }
    }
    views
}

pub(super) fn interventions(journal: &Journal) -> Vec<InterventionView> {
    let views = journal.records.iter().filter_map(|record| {
        let (what, by) = match &record.event {
            Event::RetryRequested { step, by } => (format!("retried {step}"), by),
            Event::SkipRequested { step, by, comment } if comment.is_empty() => (format!("skipped {step}"), by),
            Event::SkipRequested { step, by, comment } => (format!("skipped {step}: {comment}"), by),
            Event::CancelRequested { mode: CancelMode::Now, by, .. } => ("cancelled at once".to_owned(), by),
            Event::CancelRequested { mode: CancelMode::Finish, by, .. } => {
                ("cancelled, letting what was in flight finish".to_owned(), by)
            }
            Event::UndoRequested { by } => ("asked for undoing".to_owned(), by),
            _ => return None,
        };
        Some(InterventionView { at: record.at, what, by: by.clone() })
    });
    views.collect()
}
