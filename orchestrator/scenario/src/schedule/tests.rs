use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn schedule(spec: &str) -> Schedule {
    let text = format!(
        "apiVersion: landfall.dev/v1alpha1\nkind: DrillSchedule\nmetadata: {{ name: nightly }}\nspec: {{ scenario: s.yaml, {spec} }}\n"
    );
    load(&text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn past(tick: &str, ended: Option<&str>, verdict: Option<Verdict>) -> Past {
    Past { drill: format!("drill-{tick}"), tick: at(tick), ended: ended.map(at), verdict, kept: false }
}

#[test]
fn ticks_follow_the_wall_clock_of_the_zone() {
    let cron = Cron::parse("30 2 * * *").unwrap();
    let next = |after: &str| cron.next(at(after), &berlin()).unwrap().to_string();
    assert_eq!(next("2026-07-01T12:00:00Z"), "2026-07-02T00:30:00Z");
    assert_eq!(next("2026-12-01T12:00:00Z"), "2026-12-02T01:30:00Z");
    // On 29 March 2026, 02:30 does not exist: it comes right after the change.
    assert_eq!(next("2026-03-28T12:00:00Z"), "2026-03-29T01:30:00Z");
    // On 25 October 2026, 02:30 comes twice: it counts once.
    assert_eq!(next("2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
    assert_eq!(next("2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
    let leap = Cron::parse("0 0 29 2 *").unwrap();
    assert_eq!(leap.next(at("2096-03-01T00:00:00Z"), &TimeZone::UTC), Some(at("2104-02-29T00:00:00Z")));
    assert_eq!(
        Cron::parse("@daily").unwrap().next(at("2026-01-01T00:00:00Z"), &TimeZone::UTC),
        Some(at("2026-01-02T00:00:00Z"))
    );
    for text in ["", "* * * *", "61 * * * *", "0 0 30 2 *", "0 0 0 * * *", "x"] {
        Cron::parse(text).unwrap_err();
    }
}

#[test]
fn a_tick_is_due_once() {
    let schedule = schedule("cron: '0 3 * * *'");
    let since = at("2026-11-20T12:00:00Z");
    let decide = |past: &[Past], now| due(&schedule, &TimeZone::UTC, past, since, at(now));
    let before = decide(&[], "2026-11-21T02:59:59Z");
    assert_eq!((before.start.len(), before.wake_at), (0, Some(at("2026-11-21T03:00:00Z"))));
    let now = decide(&[], "2026-11-21T03:00:10Z");
    assert_eq!(now.start, [at("2026-11-21T03:00:00Z")]);
    let done = [past("2026-11-21T03:00:00Z", Some("2026-11-21T03:10:00Z"), Some(Verdict::Passed))];
    let after = decide(&done, "2026-11-21T03:20:00Z");
    assert_eq!((after.start.len(), after.wake_at), (0, Some(at("2026-11-22T03:00:00Z"))));
}

#[test]
fn missed_runs_are_made_up_for_as_the_schedule_says() {
    let (since, now) = (at("2026-11-18T12:00:00Z"), at("2026-11-21T09:00:00Z"));
    let decide = |spec: &str| due(&schedule(&format!("cron: '0 3 * * *', {spec}")), &TimeZone::UTC, &[], since, now);
    let days =
        |decision: &Decision| decision.start.iter().map(|tick| tick.to_string()[8..10].to_owned()).collect::<Vec<_>>();
    assert_eq!(days(&decide("missed: skip")), Vec::<String>::new());
    assert_eq!(days(&decide("missed: run-once")), ["21"]);
    assert_eq!(days(&decide("missed: run-once, missedWithin: 2h")), Vec::<String>::new());
    assert_eq!(days(&decide("missed: run-all, missedWithin: 10d, concurrency: allow")), ["19", "20", "21"]);
    // One at a time, unless several are allowed.
    let one = decide("missed: run-all, missedWithin: 10d");
    assert_eq!((days(&one), one.skipped.len()), (vec!["19".to_owned()], 2));
    assert_eq!(days(&decide("suspend: true")), Vec::<String>::new());
}

#[test]
fn an_unfinished_drill_decides_by_policy() {
    let running = [past("2026-11-20T03:00:00Z", None, None)];
    let decide = |policy: &str| {
        let schedule = schedule(&format!("cron: '0 3 * * *', concurrency: {policy}"));
        due(&schedule, &TimeZone::UTC, &running, at("2026-11-20T03:00:00Z"), at("2026-11-21T03:00:30Z"))
    };
    let forbid = decide("forbid");
    assert!(forbid.start.is_empty() && forbid.skipped[0].1.contains("drill-2026-11-20T03:00:00Z"));
    assert_eq!(decide("allow").start.len(), 1);
    let replace = decide("replace");
    assert_eq!((replace.start.len(), replace.cancel.len(), replace.held.len()), (0, 1, 1));
    assert_eq!(replace.wake_at, Some(at("2026-11-21T03:00:35Z")));
}

#[test]
fn what_replaces_another_starts_when_that_has_ended_however_long_it_took() {
    let schedule = schedule("cron: '0 3 * * *', concurrency: replace, missed: skip");
    let cancelled = Verdict::Cancelled { by: "schedule".into() };
    let decide = |past: &[Past], now| due(&schedule, &TimeZone::UTC, past, at("2026-11-20T03:00:00Z"), at(now));
    let before = [past("2026-11-20T03:00:00Z", None, None)];
    let waits = decide(&before, "2026-11-21T03:30:00Z");
    assert_eq!((waits.start.len(), waits.held.len(), waits.skipped.len()), (0, 1, 0));
    let after = [past("2026-11-20T03:00:00Z", Some("2026-11-21T03:40:00Z"), Some(cancelled))];
    assert_eq!(decide(&after, "2026-11-21T03:40:02Z").start, [at("2026-11-21T03:00:00Z")]);
    // Nothing is due: nothing is cancelled.
    assert_eq!(decide(&before, "2026-11-21T02:59:59Z").cancel, Vec::<String>::new());
}

#[test]
fn jitter_is_the_same_for_the_same_tick_and_spreads() {
    let schedule = schedule("cron: '0 * * * *', jitter: 20m");
    let tick = at("2026-11-21T03:00:00Z");
    let start = starts_at(&schedule, tick);
    assert_eq!(start, starts_at(&schedule, tick));
    assert!(start >= tick && start < tick.checked_add(Period::minutes(20).0).unwrap());
    let starts: std::collections::BTreeSet<i64> = (0..24)
        .map(|hour| starts_at(&schedule, tick.checked_add(Period::hours(hour).0).unwrap()).as_second() % 3600)
        .collect();
    assert!(starts.len() > 12, "{starts:?}");
    let decision = due(&schedule, &TimeZone::UTC, &[], at("2026-11-21T02:30:00Z"), tick);
    assert!(decision.start.is_empty() || start == tick);
    let decision = due(&schedule, &TimeZone::UTC, &[], at("2026-11-21T02:30:00Z"), start);
    assert_eq!(decision.start, [tick]);
}

#[test]
fn history_keeps_the_latest_and_everything_stuck() {
    let failed = || Verdict::Failed { reasons: vec![] };
    let stuck = Verdict::Stuck { step: "a".into(), what_to_do: String::new(), left: vec![] };
    let runs = [
        past("2026-11-01T03:00:00Z", Some("2026-11-01T04:00:00Z"), Some(stuck)),
        past("2026-11-02T03:00:00Z", Some("2026-11-02T04:00:00Z"), Some(Verdict::Passed)),
        past("2026-11-03T03:00:00Z", Some("2026-11-03T04:00:00Z"), Some(failed())),
        past("2026-11-04T03:00:00Z", Some("2026-11-04T04:00:00Z"), Some(Verdict::Passed)),
        past("2026-11-05T03:00:00Z", None, None),
    ];
    let schedule = schedule("cron: '0 3 * * *', history: { passed: 1, failed: 0 }");
    let decision = due(&schedule, &TimeZone::UTC, &runs, at("2026-11-05T03:00:00Z"), at("2026-11-05T05:00:00Z"));
    assert_eq!(decision.forget, ["drill-2026-11-02T03:00:00Z", "drill-2026-11-03T03:00:00Z"]);
}

#[test]
fn history_never_forgets_the_last_pass_nor_what_is_still_there() {
    let ended = |day: u32| format!("2026-11-0{day}T04:00:00Z");
    let mut runs: Vec<Past> = [(2, Verdict::Passed), (3, Verdict::Passed), (4, Verdict::Failed { reasons: vec![] })]
        .into_iter()
        .map(|(day, verdict)| past(&format!("2026-11-0{day}T03:00:00Z"), Some(&ended(day)), Some(verdict)))
        .collect();
    runs[2].kept = true;
    let schedule = schedule("cron: '0 3 * * *', history: { passed: 0, failed: 0 }");
    let decision = due(&schedule, &TimeZone::UTC, &runs, at("2026-11-05T03:00:00Z"), at("2026-11-05T05:00:00Z"));
    assert_eq!(decision.forget, ["drill-2026-11-02T03:00:00Z"]);
}

#[test]
fn an_old_pass_is_stale() {
    let limit = Period::hours(48);
    let passes = [at("2026-11-18T03:00:00Z"), at("2026-11-19T03:00:00Z")];
    assert!(!freshness(limit, passes, at("2026-11-21T03:00:00Z")).stale);
    assert!(freshness(limit, passes, at("2026-11-21T03:00:01Z")).stale);
    assert!(freshness(limit, [], at("2026-11-21T03:00:00Z")).stale);
}

#[test]
fn a_schedule_that_slept_for_years_wakes_up_quickly() {
    let schedule = schedule("cron: '* * * * *', missed: run-all");
    let decision = due(&schedule, &TimeZone::UTC, &[], Timestamp::UNIX_EPOCH, at("2026-11-21T03:00:30Z"));
    assert!(decision.start.len() + decision.skipped.len() <= MAX_TICKS);
    assert!(decision.wake_at.is_some());
}

#[test]
fn problems_of_a_schedule_have_places() {
    let text = "apiVersion: landfall.dev/v1alpha1\nkind: DrillSchedule\nmetadata: { name: n }\nspec:\n  scenario: s\n  \
                cron: '0 25 * * *'\n  concurency: forbid\n  notify: [{ webhook: mail }]\n";
    let problems = load(text).unwrap_err().to_string();
    for expected in ["6:9: ", "7:3: unknown key \"concurency\"; did you mean \"concurrency\"?", "8:23: a webhook"] {
        assert!(problems.contains(expected), "{problems}");
    }
}
