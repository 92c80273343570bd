//! The AWS stacks, applied and destroyed by the real provider against moto, states in S3.
//!
//! Always: what has to be there first, and a cold recovery environment. With `LANDFALL_STACKS=all`: two whole
//! environments, and whether each is the other's counterpart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use infra::{Contract, KeyComparison, Method, Side, State, compare_keys};
use ports::infrastructure::{Infrastructure, Silent, StackAction, StackEnding, StackRequest};
use serde_json::{Map, Value, json};
use terraform::TerraformInfrastructure;

use super::moto::{self, Moto};
use super::provider::provider;
use super::workspace::{command, copy, everything, root, said, turn};
use crate::runner::bed::{token, tool};

/// A whole environment takes a minute or two; this is for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What a second plan wants to update because moto forgets it; everything else must stay as it is.
const FORGOTTEN: [&str; 5] = [
    "aws_eks_node_group",
    "aws_launch_template",
    "aws_s3_bucket_replication_configuration",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
];

/// An account of its own, and the driver that works in it.
struct Account {
    copy: tempfile::TempDir,
    moto: Moto,
    tool: PathBuf,
    driver: TerraformInfrastructure,
}

impl Account {
    fn open() -> Option<Self> {
        let tool = tool("terraform")?;
        let provider = provider(&tool)?;
        let moto = Moto::start(&moto::python()?);
        let copy = copy();
        let mut settings = provider.settings(&copy.path().join("runs"), moto.environment());
        settings.tool = Some(tool.clone());
        Some(Self { copy, moto, tool, driver: TerraformInfrastructure::new(settings) })
    }

    /// A stack with the variables that lie beside moto.
    fn request(&self, stack: &str) -> StackRequest {
        let file = root().join(format!("tests/testbed/moto/{stack}.tfvars.json"));
        let variables: BTreeMap<String, Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        StackRequest { directory: self.copy.path().join("stacks").join(stack), variables, ..Default::default() }
    }

    /// Plans, applies, and checks that exactly what was planned was done; how many resources were created.
    async fn stand(&self, request: &StackRequest, name: &str) -> usize {
        let began = Instant::now();
        let plan = self.driver.plan(request, &token(name), &Silent).await.unwrap();
        assert!(plan.refusals.is_empty() && plan.applyable, "{name}: {plan:?}");
        let outcome = self.driver.apply(request, &token(name), &Silent).await.unwrap();
        assert_eq!(outcome.ending, StackEnding::Done, "{name}: {}", outcome.message);
        let done = outcome.created.len() + outcome.updated.len() + outcome.deleted.len();
        assert_eq!(done as u64, plan.total, "{name}");
        assert!(outcome.failed.is_empty() && outcome.unknown.is_empty(), "{name}: {outcome:?}");
        println!("{name}: {done} done in {:.0} s", began.elapsed().as_secs_f64());
        outcome.created.len()
    }

    /// A second plan changes nothing but what moto forgets, and every drift is in that list too.
    async fn is_settled(&self, request: &StackRequest, name: &str) {
        let plan = self.driver.plan(request, &token("settled"), &Silent).await.unwrap();
        for change in &plan.changes {
            let is_known = FORGOTTEN.contains(&change.kind.as_str()) && change.action == StackAction::Update;
            assert!(is_known, "{name}: a second plan wants {change:?}");
            println!("{name}: moto forgets {}", change.address);
        }
        assert!(plan.refusals.is_empty(), "{name}: {:?}", plan.refusals);
    }

    async fn fall(&self, request: &StackRequest, name: &str) {
        let began = Instant::now();
        let outcome = self.driver.destroy(request, &token(name), &Silent).await.unwrap();
        assert_eq!(outcome.ending, StackEnding::Done, "{name}: {}", outcome.message);
        println!("{name}: {} deleted in {:.0} s", outcome.deleted.len(), began.elapsed().as_secs_f64());
        assert!(!outcome.deleted.is_empty(), "{name}");
        let state = self.state(&request.directory);
        assert!(state.resources.is_empty(), "{name}: {:?}", state.resources);
    }

    async fn contract(&self, request: &StackRequest) -> Contract {
        let contract = Contract::from_value(&self.driver.contract(request).await.unwrap().unwrap()).unwrap();
        assert!(contract.validate().is_empty(), "{:?}", contract.validate());
        contract
    }

    async fn output(&self, request: &StackRequest, name: &str) -> Map<String, Value> {
        let mut outputs = self.driver.outputs(request).await.unwrap();
        outputs.remove(name).unwrap().value.as_object().unwrap().clone()
    }

    /// Where bootstrap says that a stack's state goes.
    async fn location(&self, bootstrap: &StackRequest, name: &str) -> BTreeMap<String, Value> {
        let mut location: BTreeMap<String, Value> = self.output(bootstrap, name).await.into_iter().collect();
        // moto answers at one address for all buckets.
        location.insert("use_path_style".into(), true.into());
        location
    }

    fn state(&self, directory: &Path) -> State {
        let mut command = command(&self.tool, directory);
        let output = command.args(["state", "pull"]).envs(self.moto.variables()).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        State::from_slice(&output.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_recovery_stands_and_falls() {
    let _turn = turn("aws");
    let Some(account) = Account::open() else { return };
    tokio::time::timeout(PATIENCE, cold(&account)).await.expect("it takes too long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_environments_are_counterparts() {
    if !everything() {
        println!("not run: it takes minutes; LANDFALL_STACKS=all runs it");
        return;
    }
    let _turn = turn("aws");
    let Some(account) = Account::open() else { return };
    tokio::time::timeout(PATIENCE, both(&account)).await.expect("it takes too long");
}

async fn cold(account: &Account) {
    let bootstrap = account.request("bootstrap");
    account.stand(&bootstrap, "bootstrap").await;

    let mut recovery = account.request("recovery");
    recovery.state_location = account.location(&bootstrap, "recovery_backend").await;
    assert_eq!(recovery.state_location["region"], "eu-west-1", "its state is in its own region");
    let key = |name: &str| json!({"arn": format!("arn:aws:kms:eu-west-1:123456789012:key/{name}"), "key_id": name});
    let keys = ["backups", "volumes", "secrets", "logs", "databases"].map(|name| (name.to_owned(), key(name)));
    let bucket = json!({"name": "shop-copy", "arn": "arn:aws:s3:::shop-copy"});
    recovery.variables.insert("mode".into(), "cold".into());
    recovery.variables.insert("kms_keys".into(), Value::Object(keys.into_iter().collect()));
    recovery.variables.insert("backup_location".into(), bucket);
    account.stand(&recovery, "recovery").await;
    account.is_settled(&recovery, "recovery").await;
    assert!(account.contract(&recovery).await.body().cluster.is_none(), "cold is roles only");

    account.fall(&recovery, "recovery").await;
    account.fall(&bootstrap, "bootstrap").await;
}

async fn both(account: &Account) {
    let bootstrap = account.request("bootstrap");
    account.stand(&bootstrap, "bootstrap").await;
    account.is_settled(&bootstrap, "bootstrap").await;

    let mut primary = account.request("primary");
    primary.state_location = account.location(&bootstrap, "primary_backend").await;
    account.stand(&primary, "primary").await;
    account.is_settled(&primary, "primary").await;
    let source = account.contract(&primary).await;

    let mut recovery = account.request("recovery");
    recovery.state_location = account.location(&bootstrap, "recovery_backend").await;
    recovery.variables.extend(account.output(&primary, "recovery_inputs").await);
    recovery.variables.insert("mode".into(), "cold".into());
    let roles = account.stand(&recovery, "recovery").await;
    let cold = account.contract(&recovery).await;
    let missing = compare_keys(&source, &cold);
    assert!(missing.missing.iter().any(|key| key == "cluster.name"), "{missing:?}");
    let first = infra::pair(side(&source), side(&cold), None).unwrap().findings()[0].clone();
    assert_eq!(first.reason.code, "missing-in-target", "{first:?}");

    // The same environment grows: the roles stay, and the run that made them does not count.
    recovery.variables.insert("mode".into(), "active".into());
    recovery.again = true;
    let rest = account.stand(&recovery, "recovery").await;
    assert!(rest > roles, "{rest} after {roles}");
    account.is_settled(&recovery, "recovery").await;
    let target = account.contract(&recovery).await;

    assert_eq!(compare_keys(&source, &target), KeyComparison::default(), "both have the same keys");
    let judge = infra::pair(side(&source), side(&target), None).unwrap();
    assert!(judge.unpaired().is_empty() && judge.all().len() > 40, "{:?}", judge.unpaired());
    let states = (account.state(&primary.directory), account.state(&recovery.directory));
    without_contracts(&judge, &states.0, &states.1);

    account.fall(&recovery, "recovery").await;
    account.fall(&primary, "primary").await;
    account.fall(&bootstrap, "bootstrap").await;
}

fn side(contract: &Contract) -> Side<'_> {
    Side { contract: Some(contract), state: None }
}

/// Pairs two environments as if neither had a contract, and compares with what the contracts say.
fn without_contracts(judge: &infra::Pairs, source: &State, target: &State) {
    let of = |state| Side { contract: None, state: Some(state) };
    let pairs = infra::pair(of(source), of(target), None).unwrap();
    let (mut right, mut wrong) = (0, Vec::new());
    for pair in pairs.all() {
        match judge.target(&pair.source, pair.class) {
            Some(told) if told == pair.target => right += 1,
            Some(told) => wrong.push(format!("{pair}, the contracts say {told}")),
            None => {}
        }
    }
    let by_address = pairs.all().iter().filter(|pair| pair.by == Method::Address).count();
    println!(
        "{} pairs by contract; without one {} ({by_address} by address), of which the contracts confirm {right}",
        judge.all().len(),
        pairs.all().len(),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(right > 20 && by_address > 20, "{right} right, {by_address} by address");
}
