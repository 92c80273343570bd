//! Writes sample reports of simulated drills into a folder, to be looked at: `cargo run -p report --example
//! sample_report -- FOLDER`. The drills are simulated; nothing real is touched.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use model::{Decision, Finding, GroupResource, ItemId, Pass, Reason, Severity, Verdict};
use report::{DrillReport, Extra, compose, html, junit, markdown, to_json};
use scenario::simulate::{Fault, FaultAt, Options, simulate};
use scenario::{RunKind, Scenario};

fn main() -> Result<(), Box<dyn Error>> {
    write(&PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?))
}

/// One report for each verdict that there is much to say about.
pub fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let load = |name: &str| -> Result<Arc<Scenario>, Box<dyn Error>> {
        Ok(Arc::new(scenario::load(&fs::read_to_string(root.join(name))?)?))
    };
    let (quickstart, rebuild) = (load("quickstart.yaml")?, load("eks-region-rebuild.yaml")?);
    let passed = report(&quickstart, RunKind::Drill, Vec::new(), None)?;
    let fault = |step: &str, at: FaultAt| vec![Fault { step: step.to_owned(), at, times: u32::MAX }];
    let failed = report(&quickstart, RunKind::Drill, fault("canary-came-back", FaultAt::Run), Some(passed.clone()))?;
    let stuck = report(&rebuild, RunKind::Drill, fault("infrastructure", FaultAt::Undo), None)?;
    let recovery = report(&rebuild, RunKind::Recovery, Vec::new(), None)?;
    for (name, report) in [("passed", passed), ("failed", failed), ("stuck", stuck), ("recovery", recovery)] {
        fs::write(folder.join(format!("{name}.html")), html(&report)?)?;
        fs::write(folder.join(format!("{name}.md")), markdown(&report))?;
        fs::write(folder.join(format!("{name}.json")), to_json(&report)?)?;
        fs::write(folder.join(format!("{name}.xml")), junit(&report)?)?;
    }
    Ok(())
}

fn report(
    scenario: &Arc<Scenario>,
    kind: RunKind,
    faults: Vec<Fault>,
    last_good: Option<DrillReport>,
) -> Result<DrillReport, Box<dyn Error>> {
    let start = Timestamp::from_second(1_780_000_000)?;
    let options = Options { faults, drill: format!("{}-7f3a12", scenario.name), ..Options::new(kind, start) };
    let (_, simulation) = simulate(Arc::clone(scenario), options)?;
    let item = ItemId::namespaced(GroupResource::new("ingresses", "networking.k8s.io"), "shop", "web");
    let policy = ItemId::cluster(GroupResource::new("podsecuritypolicies", "policy"), "shop-restricted");
    let extra = Extra {
        decisions: vec![Decision {
            item: policy,
            pass: Pass::Version,
            verdict: Verdict::Skip,
            reason: Reason::new("no-successor", "PodSecurityPolicy was removed in 1.25 and has no successor"),
        }],
        breakdown: vec![
            ("terraform".into(), 12.4),
            ("control-plane start-up".into(), 3.1),
            ("landfall's own".into(), 1.9),
        ],
        environment: [("landfall", "0.1.0"), ("terraform", "1.11.4"), ("Kubernetes", "1.24 → 1.36")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        not_covered: Vec::new(),
        last_good,
    };
    let mut report = compose(&simulation.saga()?, &simulation.read()?, &extra);
    if !report.passed() {
        report.leaks.push(Finding {
            severity: Severity::Error,
            item: Some(item),
            pointer: Some("/metadata/annotations/alb.ingress.kubernetes.io~1certificate-arn".to_owned()),
            reason: Reason::new("source-certificate", "names a certificate of eu-central-1"),
        });
    }
    Ok(report)
}
