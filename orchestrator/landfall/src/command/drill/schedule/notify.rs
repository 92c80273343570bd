//! Telling a webhook how a drill came out. A webhook that does not answer is said, and holds nothing up for long.

use std::time::Duration;

use probe::HttpProber;
use report::DrillReport;
use scenario::schedule::{On, Schedule};
use serde::Serialize;

use crate::command::Context;

pub(super) struct Notifier {
    http: HttpProber,
}

/// What is posted, as JSON: the report's summary, nothing secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notice {
    schedule: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    drill: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

const TIMEOUT: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(2);

impl Notifier {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { http: HttpProber::new(&[])? })
    }

    pub(super) async fn tell(&self, schedule: &Schedule, on: On, notice: &Notice, context: &Context) {
        let Ok(body) = serde_json::to_vec(notice) else { return };
        for notify in schedule.notify.iter().filter(|notify| notify.on.is_empty() || notify.on.contains(&on)) {
            for attempt in 1..=TRIES {
                let why = match self.http.post_json(&notify.webhook, body.clone(), TIMEOUT).await {
                    Ok(200..=299) => break,
                    Ok(status) => format!("it answers {status}"),
                    Err(error) => model::chain(&error),
                };
                if attempt == TRIES {
                    context.printer.say(&format!("{}: a webhook was not told: {why}", schedule.name));
                } else {
                    tokio::time::sleep(BETWEEN).await;
                }
            }
        }
    }
}

impl Notice {
    pub(super) fn words(schedule: &str, text: &str) -> Self {
        Self {
            schedule: schedule.to_owned(),
            text: text.to_owned(),
            drill: None,
            scenario: None,
            verdict: None,
            reasons: Vec::new(),
            seconds: None,
        }
    }

    pub(super) fn report(schedule: &str, report: &DrillReport) -> Self {
        Self {
            schedule: schedule.to_owned(),
            text: report.verdict.headline.clone(),
            drill: Some(report.drill.clone()),
            scenario: Some(report.scenario.clone()),
            verdict: Some(report.verdict.word.clone()),
            reasons: report.verdict.reasons.clone(),
            seconds: Some(report.seconds()),
        }
    }
}
