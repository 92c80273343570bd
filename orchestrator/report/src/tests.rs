use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::{Finding, GroupResource, ItemId, Reason, Severity};
use scenario::simulate::{Fault, FaultAt, Options, People, Simulation, simulate};
use scenario::{Event, RunKind, Scenario};

use super::*;
use crate::view::{ChangeView, StepStatus};

const SCENARIO: &str = r#"apiVersion: landfall.dev/v1alpha1
kind: Scenario
metadata: { name: small }
spec:
  objectives: { rto: 60m, rpo: 24h }
  steps:
    - { id: stack, uses: terraform.apply, with: { stack: s } }
    - { id: cluster, uses: cluster.connect, with: { contract: "${stack.contract}" } }
    - { id: backup, uses: backup.pick, with: { location: "s3://user:secret-word@bucket/prefix?key=secret-word" } }
    - { id: restore, uses: restore.run, with: { backup: "${backup.name}" } }
    - { id: canary, uses: verify.canary, with: { do: plant, namespace: shop } }
    - { id: check, uses: verify.ready, title: "It <b>works</b> | & \"well\"" }
    - { id: canary-check, uses: verify.canary, with: { do: check, namespace: shop, digest: "${canary.digest}" } }
    - { id: go, uses: approve, when: recovery, with: { message: go? } }
  notCovered: ["<script>alert(1)</script>"]
"#;

fn start() -> Timestamp {
    Timestamp::from_second(1_780_000_000).unwrap()
}

fn run(kind: RunKind, faults: Vec<Fault>, people: People) -> Simulation {
    let scenario: Arc<Scenario> = Arc::new(scenario::load(SCENARIO).unwrap_or_else(|problems| panic!("{problems}")));
    simulate(scenario, Options { faults, people, ..Options::new(kind, start()) }).unwrap().1
}

fn report_of(simulation: &Simulation, extra: &Extra) -> DrillReport {
    compose(&simulation.saga().unwrap(), &simulation.read().unwrap(), extra)
}

fn passed() -> DrillReport {
    report_of(&run(RunKind::Drill, vec![], People::Helpful), &Extra::default())
}

fn failed() -> DrillReport {
    let faults = vec![Fault { step: "check".into(), at: FaultAt::Run, times: u32::MAX }];
    report_of(&run(RunKind::Drill, faults, People::Helpful), &Extra::default())
}

#[test]
fn a_pass_says_so_first_with_its_measures() {
    let report = passed();
    assert!(report.passed());
    assert_eq!(report.objectives[0].met, Some(true));
    // The backup is six hours older than the moment it is picked, and the run takes a while.
    assert!(report.objectives[1].measured_seconds.unwrap() >= 6.0 * 3600.0 - 60.0);
    assert_eq!(report.objects[0].kind, "configmaps");
    assert!(report.not_covered.iter().any(|line| line.contains("volume shop/db-data")));
    assert!(report.not_covered.iter().any(|line| line.starts_with("go: skipped")));
    for text in [html(&report).unwrap(), markdown(&report)] {
        let verdict = text.find("Passed").unwrap();
        assert!(verdict < text.find("configmaps").unwrap());
    }
}

#[test]
fn a_failure_shows_its_reason_in_every_form_and_never_a_pass() {
    let report = failed();
    assert_eq!(report.verdict.word, "Failed");
    let check = report.steps.iter().find(|step| step.id == "check").unwrap();
    assert_eq!(check.status, StepStatus::Failed);
    let junit = junit(&report).unwrap();
    assert!(junit.contains("<failure"), "{junit}");
    for text in [html(&report).unwrap(), markdown(&report), to_json(&report).unwrap(), junit] {
        assert!(text.contains("made to fail by the simulation"), "{text}");
        assert!(!text.contains("Passed"), "{text}");
    }
}

#[test]
fn a_verification_that_was_not_made_is_an_error_in_junit() {
    let faults = vec![Fault { step: "restore".into(), at: FaultAt::Run, times: u32::MAX }];
    let report = report_of(&run(RunKind::Drill, faults, People::Helpful), &Extra::default());
    let check = report.steps.iter().find(|step| step.id == "check").unwrap();
    assert_eq!(check.status, StepStatus::NotReached);
    let junit = junit(&report).unwrap();
    assert_eq!(junit.matches("<error").count(), 2, "{junit}");
    assert!(junit.contains("not checked:"), "{junit}");
}

#[test]
fn stuck_says_what_to_do_and_what_is_left() {
    let faults = vec![Fault { step: "stack".into(), at: FaultAt::Undo, times: u32::MAX }];
    let report = report_of(&run(RunKind::Drill, faults, People::Helpful), &Extra::default());
    assert_eq!(report.verdict.word, "Stuck");
    assert!(report.verdict.what_to_do.is_some() && !report.verdict.left.is_empty());
    let page = html(&report).unwrap();
    assert!(page.contains("What to do") && page.contains("What is left"));
}

#[test]
fn a_recovery_names_who_approved_and_what_is_kept() {
    let report = report_of(&run(RunKind::Recovery, vec![], People::Helpful), &Extra::default());
    assert_eq!(report.approvals[0].answer, "approved");
    assert!(report.kept.iter().any(|line| line.contains("stack")));
    let report = report_of(&run(RunKind::Recovery, vec![], People::Refusing), &Extra::default());
    assert_eq!(report.approvals[0].answer, "rejected");
    assert_eq!(report.verdict.word, "Cancelled");
}

#[test]
fn nothing_hostile_gets_through_as_markup_and_nothing_is_loaded() {
    let mut report = failed();
    report.verdict.headline = "</title><img src=x onerror=alert(1)>".into();
    report.environment.insert("\"><script>".into(), "a\u{0}b|c\n# d `e` <i> @all [x](javascript:y)".into());
    report.leaks.push(Finding {
        severity: Severity::Error,
        item: Some(ItemId::namespaced(GroupResource::new("ingresses", "networking.k8s.io"), "a|b", "<svg onload=x>")),
        pointer: Some("/a'\"<".into()),
        reason: Reason::new("x", "| --- | <iframe>"),
    });
    let page = html(&report).unwrap();
    let known = [
        "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "a", "div", "header", "p", "code", "h1", "main",
        "strong", "h2", "ul", "li", "dl", "dt", "dd", "span", "br", "section", "i", "ol", "small", "svg", "rect",
        "table", "caption", "thead", "tbody", "tr", "th", "td", "footer",
    ];
    for tag in page.split('<').skip(1) {
        let (inside, _) = tag.split_once('>').unwrap();
        let name = inside.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        assert!(known.contains(&name), "<{inside}>");
        assert!(!inside.contains(" on") && !inside.contains("src=") && !inside.contains("http:"), "<{inside}>");
        assert!(!inside.contains("href") || inside.contains("href=\"#"), "<{inside}> leads out of the page");
    }
    assert!(!page.contains("url(") && !page.contains("@import"), "nothing is loaded");
    let text = markdown(&report);
    for bad in ["<script", "<iframe", "<svg", "<b>", "@all"] {
        assert!(!text.contains(bad), "{bad} in {text}");
    }
    for line in text.lines().filter(|line| line.starts_with("| error")) {
        assert_eq!(line.replace("\\|", "").matches('|').count(), 5, "{line}");
    }
    let junit = junit(&report).unwrap();
    assert!(!junit.contains('\u{0}') && !junit.contains("<b>"));
}

#[test]
fn no_canary_and_no_credential_is_in_any_form() {
    let simulation = run(RunKind::Drill, vec![], People::Helpful);
    let saga = simulation.saga().unwrap();
    let digest = saga.state("canary").unwrap().outputs.as_ref().unwrap()["digest"].as_str().unwrap().to_owned();
    let report = report_of(&simulation, &Extra::default());
    let key = KeyPair::from_seed(&[7; 32]).unwrap();
    let bundle = sign(&report, &[], &key.private_pem).unwrap();
    let signed = verify(bundle.as_bytes(), &key.public_pem).unwrap();
    let forms = [
        html(&report).unwrap(),
        markdown(&report),
        to_json(&report).unwrap(),
        junit(&report).unwrap(),
        to_json(&signed.report).unwrap(),
    ];
    for text in forms {
        assert!(!text.contains(&digest), "the canary's digest is in the report");
        assert!(!text.contains("secret-word"), "{text}");
    }
    assert_eq!(report.backups[0].location, "s3://bucket/prefix");
}

#[test]
fn json_reads_back_and_knows_its_version() {
    let report = failed();
    let text = to_json(&report).unwrap();
    assert_eq!(from_json(&text).unwrap(), report);
    let newer = text.replacen("\"report\": \"1.0\"", "\"report\": \"1.7\", \"new\": 1", 1);
    assert_eq!(from_json(&newer).unwrap().drill, report.drill);
    let major = text.replacen("\"report\": \"1.0\"", "\"report\": \"2.0\"", 1);
    assert!(matches!(from_json(&major), Err(ReportError::Version { found }) if found == "2.0"));
    from_json("{}").unwrap_err();
}

#[test]
fn slower_steps_are_pointed_out_against_the_last_good_run() {
    let last = passed();
    let mut now = passed();
    let slow = now.steps.iter_mut().find(|step| step.id == "restore").unwrap();
    slow.seconds = slow.seconds.map(|seconds| seconds * 2.5);
    let quick = now.steps.iter_mut().find(|step| step.id == "stack").unwrap();
    quick.seconds = quick.seconds.map(|seconds| seconds * 1.9);
    let comparison = compare::compare(&last, &now);
    let names: Vec<&str> = comparison.slower.iter().map(|change: &ChangeView| change.name.as_str()).collect();
    assert_eq!(names, ["restore"]);
    assert!((comparison.slower[0].factor().unwrap() - 2.5).abs() < 0.01);
    now.comparison = Some(comparison);
    assert!(html(&now).unwrap().contains("2.5×"));
}

#[test]
fn evidence_verifies_with_its_key_alone_and_any_change_breaks_it() {
    let report = failed();
    let (key, other) = (KeyPair::from_seed(&[1; 32]).unwrap(), KeyPair::from_seed(&[2; 32]).unwrap());
    assert!(key.private_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    let bundle = sign(&report, &[("scenario.yaml", SCENARIO.as_bytes())], &key.private_pem).unwrap();
    let verified = verify(bundle.as_bytes(), &key.public_pem).unwrap();
    assert_eq!(verified.report, report);
    assert!(verified.matches("scenario.yaml", SCENARIO.as_bytes()));
    assert!(verified.matches("report.json", to_json(&report).unwrap().as_bytes()));
    assert!(!verified.matches("scenario.yaml", b"other"));
    assert!(matches!(verify(bundle.as_bytes(), &other.public_pem), Err(EvidenceError::Signature { .. })));

    let mut envelope: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let payload = envelope["payload"].as_str().unwrap().to_owned();
    for at in (0..payload.len()).step_by(payload.len() / 40) {
        let mut changed = payload.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        envelope["payload"] = String::from_utf8(changed).unwrap().into();
        assert!(verify(envelope.to_string().as_bytes(), &key.public_pem).is_err(), "byte {at} may be changed");
    }
    envelope["payload"] = payload.into();
    verify(envelope.to_string().as_bytes(), &key.public_pem).unwrap();
    // The key id is a hint: a wrong one neither helps nor harms.
    envelope["signatures"][0]["keyid"] = "wrong".into();
    verify(envelope.to_string().as_bytes(), &key.public_pem).unwrap();
    envelope["signatures"] = serde_json::json!([]);
    assert!(matches!(verify(envelope.to_string().as_bytes(), &key.public_pem), Err(EvidenceError::Unsigned)));
    assert!(matches!(verify(b"{}", &key.public_pem), Err(EvidenceError::Bundle(_))));
    assert!(matches!(verify(b"{}", "no key"), Err(EvidenceError::PublicKey(_))));
    assert!(matches!(sign(&report, &[], &key.public_pem), Err(EvidenceError::PrivateKey(_))));
}

#[test]
fn the_envelope_is_what_dsse_and_in_toto_say() {
    use base64::Engine as _;
    let key = KeyPair::from_seed(&[3; 32]).unwrap();
    let bundle: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&sign(&passed(), &[], &key.private_pem).unwrap()).unwrap();
    assert_eq!(bundle.keys().collect::<Vec<_>>(), ["payload", "payloadType", "signatures"]);
    assert_eq!(bundle["payloadType"], "application/vnd.in-toto+json");
    let payload = base64::engine::general_purpose::STANDARD.decode(bundle["payload"].as_str().unwrap()).unwrap();
    let statement: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://landfall.dev/evidence/drill/v1");
    assert_eq!(statement["subject"][0]["name"], "report.json");
    assert_eq!(statement["subject"][0]["digest"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(statement["predicate"]["verdict"]["word"], "Passed");
}

#[test]
fn an_unfinished_run_can_be_reported_too() {
    let scenario = Arc::new(scenario::load(SCENARIO).unwrap());
    let mut simulation = Simulation::new(scenario, Options::new(RunKind::Drill, start())).unwrap();
    simulation.run(Some(scenario::simulate::Kill { after: 3, effect: true })).unwrap();
    let report = report_of(&simulation, &Extra::default());
    assert_eq!(report.verdict.word, "Unfinished");
    let page = html(&report).unwrap();
    assert!(page.contains("has not ended"));
    assert!(junit(&report).unwrap().contains("<failure"));
}

#[test]
fn what_nobody_drove_is_interrupted_and_no_steps_own_time() {
    let scenario = Arc::new(scenario::load(SCENARIO).unwrap_or_else(|problems| panic!("{problems}")));
    let mut simulation = Simulation::new(Arc::clone(&scenario), Options::new(RunKind::Drill, start())).unwrap();
    // The stack has begun, and its effect is unknown.
    simulation.run(Some(scenario::simulate::Kill { after: 2, effect: true })).unwrap();
    let mut journal = simulation.read().unwrap();
    let killed = journal.records.last().unwrap().at;
    let after = |seconds: i64| killed + jiff::SignedDuration::from_secs(seconds);
    let started = |attempt| Event::Started { step: "stack".into(), attempt };
    let failure = scenario::Failure::new(scenario::FailureKind::Other, "no");
    let failed = Event::Failed { step: "stack".into(), attempt: 1, failure };
    assert_eq!(journal.records.last().unwrap().event, started(1));
    for (at, event) in [(3600, Event::Resumed), (3600, started(1)), (3607, failed)] {
        let number = journal.records.len() as u64 + 1;
        journal.records.push(scenario::Record { number, at: after(at), event });
    }
    let saga = scenario::Saga::replay(scenario, &journal).unwrap();
    let report = compose(&saga, &journal, &Extra::default());
    assert_eq!(report.steps[0].seconds, Some(7.0));
    let interrupted = report.measures.iter().find(|measure| measure.name == "interrupted, 1 time").unwrap();
    assert_eq!(interrupted.seconds, 3600.0);
    assert!(report.seconds() >= 3607.0, "what went by on the clock still did");
}

#[test]
fn the_gravest_decisions_come_first_and_those_of_every_restore_last() {
    use model::{Decision, Pass, Verdict};
    let decision = |name: &str, pass, verdict| Decision {
        item: ItemId::cluster(GroupResource::new("nodes", ""), name),
        pass,
        verdict,
        reason: Reason::new("because", "of this"),
    };
    let decisions = vec![
        decision("made", Pass::Conflict, Verdict::Create),
        decision("event", Pass::Select, Verdict::Skip),
        decision("converted", Pass::Convert, Verdict::Convert),
        decision("policy", Pass::Version, Verdict::Skip),
        decision("policy", Pass::Version, Verdict::Skip),
        decision("odd", Pass::Convert, Verdict::Warn),
        decision("role", Pass::Transform, Verdict::Blocked),
    ];
    let extra = Extra { decisions, ..Extra::default() };
    let report = report_of(&run(RunKind::Drill, vec![], People::Helpful), &extra);
    let names: Vec<&str> = report.decisions.iter().map(|decision| decision.item.name.as_str()).collect();
    assert_eq!(names, ["role", "odd", "policy", "converted", "event"]);
    assert_eq!(report.decisions_total, 5);
    assert!(html(&report).unwrap().contains("of this"));
}
