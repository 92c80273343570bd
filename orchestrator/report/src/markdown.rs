//! The report for pull requests, chats and wikis. Verdict first, tables after; nothing in it is live markup.

use std::fmt::Write as _;

use crate::view::{DrillReport, StepStatus};
use crate::words::{length, moment};

pub fn markdown(report: &DrillReport) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("# {}: {}", text(&report.scenario), text(&report.verdict.word)));
    line(String::new());
    line(format!("**{}**", text(&report.verdict.headline)));
    line(String::new());
    list(&mut line, "", &report.verdict.reasons);
    if let Some(what) = &report.verdict.what_to_do {
        line(format!("What to do: {}", text(what)));
        line(String::new());
    }
    list(&mut line, "What is left", &report.verdict.left);
    line(format!(
        "{} `{}`, {} to {} ({}).",
        if report.kind == scenario::RunKind::Drill { "Drill" } else { "Recovery" },
        code(&report.drill),
        moment(report.started),
        moment(report.ended),
        length(report.seconds())
    ));
    line(String::new());
    if !report.controls.is_empty() {
        line(format!("Evidence for: {}", text(&report.controls.join(", "))));
        line(String::new());
    }

    let rows = report.objectives.iter().map(|objective| {
        let answer = match objective.met {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "no limit set",
        };
        vec![
            text(&objective.name),
            objective.limit_seconds.map_or("–".to_owned(), length),
            objective.measured_seconds.map_or("not measured".to_owned(), length),
            answer.to_owned(),
        ]
    });
    table(&mut line, "Objectives", &["objective", "limit", "measured", ""], rows);
    let rows = report.measures.iter().map(|measure| vec![text(&measure.name), length(measure.seconds)]);
    table(&mut line, "Measured", &["", "time"], rows);
    let rows = report.breakdown.iter().map(|measure| vec![text(&measure.name), length(measure.seconds)]);
    table(&mut line, "Where the time went", &["", "time"], rows);
    if let Some(comparison) = &report.comparison {
        let rows = comparison
            .slower
            .iter()
            .map(|change| vec![text(&change.name), length(change.before_seconds), length(change.now_seconds)]);
        table(&mut line, "At least twice as slow as in the last good run", &["step", "before", "now"], rows);
    }
    let rows = report.steps.iter().map(|step| {
        let mark = match step.status {
            StepStatus::Succeeded => "✓",
            StepStatus::Failed => "✗",
            StepStatus::Skipped | StepStatus::SkippedByPerson | StepStatus::NotReached => "–",
            StepStatus::Unfinished => "…",
        };
        vec![
            format!("{mark} {}", step.status.word()),
            text(step.name()),
            format!("`{}`", code(&step.uses)),
            step.seconds.map_or(String::new(), length),
            text(&step.message),
        ]
    });
    table(&mut line, "Steps", &["", "step", "kind", "time", ""], rows);
    let rows = report.objects.iter().map(|row| {
        [&row.kind]
            .into_iter()
            .map(|kind| text(kind))
            .chain([row.expected, row.created, row.updated, row.skipped, row.failed].map(|n| n.to_string()))
            .collect()
    });
    table(&mut line, "Objects", &["kind", "in the backup", "created", "updated", "skipped", "failed"], rows);
    let rows = report
        .conversions
        .iter()
        .map(|row| vec![text(&row.kind), text(&row.from), text(&row.to), row.items.to_string()]);
    table(&mut line, "Conversions", &["kind", "from", "to", "objects"], rows);
    let rows =
        report.rewrites.iter().map(|row| vec![text(&row.transform), row.items.to_string(), row.fields.to_string()]);
    table(&mut line, "Rewrites", &["transform", "objects", "fields"], rows);
    let rows = report.leaks.iter().map(|leak| {
        vec![
            format!("{:?}", leak.severity).to_lowercase(),
            leak.item.as_ref().map_or(String::new(), |item| text(&item.to_string())),
            leak.pointer.as_deref().map_or(String::new(), text),
            text(&leak.reason.message),
        ]
    });
    table(&mut line, "Still points at the source", &["", "object", "place", ""], rows);
    let rows =
        report.approvals.iter().map(|row| vec![text(&row.step), text(&row.answer), text(&row.by), text(&row.comment)]);
    table(&mut line, "Approvals", &["step", "answer", "by", "comment"], rows);
    list(&mut line, "Not covered", &report.not_covered);
    list(&mut line, "Nothing is left", &report.nothing_left);
    list(&mut line, "Kept", &report.kept);
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

fn list(line: &mut dyn FnMut(String), title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    if !title.is_empty() {
        line(format!("## {title}"));
        line(String::new());
    }
    for item in items {
        line(format!("- {}", text(item)));
    }
    line(String::new());
}

fn table(line: &mut dyn FnMut(String), title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    line(format!("## {title}"));
    line(String::new());
    line(format!("| {} |", head.join(" | ")));
    line(format!("|{}", " --- |".repeat(head.len())));
    for row in rows {
        line(format!("| {} |", row.join(" | ")));
    }
    line(String::new());
}

/// Text in which nothing is markup: not a table cell's end, not HTML, not a mention.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' | '!' => {
                let _ = write!(out, "\\{c}");
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Inside backticks only backticks and line ends matter, and in tables the bar.
fn code(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '`' && *c != '|').collect()
}
