//! What people say to a run while it is driven: letters in its mailbox, Ctrl-C, and answers typed at a terminal.

use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use engine::drill::{DrillObserver, Letter, StepProgress};
use jiff::Timestamp;
use scenario::{CancelMode, Event, Record, Saga, Waiting};
use tokio::sync::{Notify, mpsc, watch};

use crate::command::Context;
use crate::printer::Printer;
use crate::runs::Mailbox;

const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(crate) struct Answers {
    mailbox: Mailbox,
    printer: Printer,
    user: String,
    at_terminal: bool,
    /// Said in this process, not yet answered.
    said: Mutex<VecDeque<Event>>,
    news: Notify,
    /// The steps that ask, and whether nothing else goes on.
    asked: Arc<watch::Sender<Asked>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Asked {
    steps: Vec<String>,
    only_people: bool,
}

/// Why driving ends without a verdict.
pub(crate) enum Urge {
    People,
    /// The third Ctrl-C.
    Leave,
}

impl Answers {
    pub(crate) fn new(mailbox: Mailbox, context: &Context, at_terminal: bool) -> Self {
        Self {
            mailbox,
            printer: context.printer,
            user: context.settings.user.clone(),
            at_terminal,
            said: Mutex::default(),
            news: Notify::new(),
            asked: Arc::new(watch::Sender::new(Asked::default())),
        }
    }

    /// An observer that also tells what is asked.
    pub(crate) fn watched(&self, inner: Arc<dyn DrillObserver>) -> Arc<dyn DrillObserver> {
        Arc::new(Watched { inner, asked: Arc::clone(&self.asked) })
    }

    /// Hears signals and the terminal until driving has to end.
    pub(crate) async fn urge(&self, leave_to_people: bool) -> Urge {
        let people = async {
            let mut asked = self.asked.subscribe();
            let only_people = asked.wait_for(|asked| leave_to_people && asked.only_people).await.is_ok();
            if only_people { Urge::People } else { std::future::pending().await }
        };
        if !self.at_terminal {
            return people.await;
        }
        tokio::select! {
            urge = people => urge,
            urge = self.signals() => urge,
            never = self.terminal() => match never {},
        }
    }

    async fn signals(&self) -> Urge {
        use tokio::signal::unix::{SignalKind, signal};

        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return std::future::pending().await;
        };
        let mut times = 0;
        loop {
            let gentle = tokio::select! {
                _ = interrupt.recv() => true,
                _ = terminate.recv() => false,
            };
            times = if gentle { times + 1 } else { 2.max(times) };
            let (mode, words) = match times {
                1 => (CancelMode::Finish, "cancelling when what is in flight has ended; once more to interrupt it"),
                2 => (CancelMode::Now, "interrupting what is in flight; once more to leave the run as it stands"),
                _ => return Urge::Leave,
            };
            self.printer.say(words);
            self.say(Event::CancelRequested { mode, by: self.user.clone(), undo: None });
        }
    }

    /// Lines typed at a terminal answer the one step that asks.
    async fn terminal(&self) -> std::convert::Infallible {
        if !std::io::stdin().is_terminal() {
            return std::future::pending().await;
        }
        let (send, mut lines) = mpsc::channel::<String>(1);
        let mut asked = self.asked.subscribe();
        let mut reading = false;
        loop {
            let step = asked
                .wait_for(|asked| asked.steps.len() == 1)
                .await
                .ok()
                .and_then(|asked| asked.steps.first().cloned());
            let Some(step) = step else { return std::future::pending().await };
            self.printer.say(&format!("{step}: approve? yes or no, then Enter"));
            // One thread reads for as long as the process lives; there is no way to end a read of a terminal.
            if !reading {
                reading = true;
                let send = send.clone();
                std::thread::spawn(move || {
                    for line in std::io::stdin().lines().map_while(Result::ok) {
                        if send.blocking_send(line).is_err() {
                            break;
                        }
                    }
                });
            }
            let still = |asked: &Asked| asked.steps.first() == Some(&step);
            let line = tokio::select! {
                line = lines.recv() => line.unwrap_or_default(),
                _ = asked.wait_for(|asked| !still(asked)) => continue,
            };
            let (by, comment) = (self.user.clone(), String::new());
            match line.trim().to_ascii_lowercase().as_str() {
                "yes" | "y" => self.say(Event::Approved { step: step.clone(), by, comment }),
                "no" | "n" => self.say(Event::Rejected { step: step.clone(), by, comment }),
                _ => continue,
            }
            let _ = asked.wait_for(|asked| !still(asked)).await;
        }
    }

    fn say(&self, event: Event) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
        self.news.notify_one();
    }

    fn waiting(&self) -> Option<Letter> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).front().cloned();
        if let Some(event) = said {
            return Some(Letter { id: String::new(), event });
        }
        let (path, letter) = self.mailbox.read().into_iter().next()?;
        Some(Letter { id: path.display().to_string(), event: letter.event })
    }
}

#[async_trait]
impl engine::drill::Mailbox for Answers {
    async fn next(&self) -> Letter {
        loop {
            if let Some(letter) = self.waiting() {
                return letter;
            }
            tokio::select! {
                () = self.news.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn answer(&self, letter: &Letter, outcome: Result<(), String>) {
        if letter.id.is_empty() {
            self.said.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        } else {
            let path = PathBuf::from(&letter.id);
            // A letter that cannot be removed must not come again for ever.
            let gone = match &outcome {
                Ok(()) => std::fs::remove_file(&path),
                Err(_) => std::fs::rename(&path, path.with_extension("refused")),
            };
            if let Err(error) = gone {
                self.printer.say(&format!("failed to put the letter {} away: {error}", letter.id));
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        if let Err(why) = outcome {
            self.printer.say(&format!("not done: {why}"));
        }
    }
}

struct Watched {
    inner: Arc<dyn DrillObserver>,
    asked: Arc<watch::Sender<Asked>>,
}

impl DrillObserver for Watched {
    fn recorded(&self, saga: &Saga, record: &Record) {
        self.inner.recorded(saga, record);
    }

    fn progress(&self, step: &str, progress: &StepProgress) {
        self.inner.progress(step, progress);
    }

    fn waiting(&self, saga: &Saga, waiting: &[Waiting], until: Option<Timestamp>) {
        let steps = waiting
            .iter()
            .filter_map(|what| match what {
                Waiting::Answer { step, .. } => Some(step.clone()),
                Waiting::Step { .. } | Waiting::Retry { .. } | Waiting::Decision { .. } => None,
            })
            .collect();
        let only_people = !waiting.is_empty()
            && waiting.iter().all(|what| matches!(what, Waiting::Answer { .. } | Waiting::Decision { .. }));
        self.asked.send_if_modified(|asked| {
            let now = Asked { steps, only_people };
            let changed = *asked != now;
            *asked = now;
            changed
        });
        self.inner.waiting(saga, waiting, until);
    }
}
