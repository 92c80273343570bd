//! What changes in bodies because they go into other infrastructure, as the flags or a saved plan say it.
//!
//! A plan keeps the contracts, the pairs and the rules themselves, so that applying it needs none of the files. States
//! are used for pairing and not kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use infra::{CloudObjects, Contract, InfraPair, MapFile, Method, Options, Purpose, Rules, Side, State, pair};
use model::{Finding, Reason, Severity};
use plan::restore::PlanFile;
use serde_json::Value;

use crate::command::Context;
use crate::command::infra::environment::{self, Environment};
use crate::failure::{Exit, Failure};

/// Inferred pairs that a plan lists one by one.
const LISTED: usize = 100;
const PREFIX: &str = "infra:";

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Other infrastructure")]
pub(crate) struct InfraFlags {
    /// What the source offered: a contract, outputs, a state, a stack's folder or backup:NAME. By default the contract
    /// that the backup captured.
    #[arg(long, value_name = "CONTRACT")]
    source_contract: Option<String>,
    /// What the target offers; with it, what points at the source is rewritten.
    #[arg(long, value_name = "CONTRACT")]
    target_contract: Option<String>,
    /// Pairs that were reviewed, from `landfall infra map --out`.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Own rules: match, then set, replace, remove or default.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Take pairs that were only inferred as good.
    #[arg(long)]
    accept_inferred: bool,
    /// Leave bodies as they are, whatever they point at.
    #[arg(long, conflicts_with_all = ["target_contract", "map", "rules", "require_no_leaks"])]
    no_rewrite: bool,
    /// Do not restore when something still points at the source.
    #[arg(long)]
    require_no_leaks: bool,
    /// The source is gone and the target takes its place; otherwise it may be alive, and nothing of it is taken over.
    #[arg(long)]
    recovery: bool,
    /// Objects whose controllers create things in the cloud, of ACK and Crossplane.
    #[arg(long, value_enum, value_name = "POLICY")]
    cloud_objects: Option<CloudPolicy>,
    /// Drop fixed names of load balancers, which are unique in an account and region.
    #[arg(long)]
    drop_load_balancer_names: bool,
    /// The owner id that external-dns writes in the target.
    #[arg(long, value_name = "ID")]
    dns_owner_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CloudPolicy {
    /// Leave them out.
    HoldBack,
    /// Restore them so that nothing is changed or deleted by them.
    Observe,
}

/// What was asked for, before the backup is open.
#[derive(Default)]
pub(crate) struct Wanted {
    source: Option<Environment>,
    target: Option<Environment>,
    map: Option<MapFile>,
    rules: Option<String>,
    accept_inferred: bool,
    no_rewrite: bool,
    require_no_leaks: bool,
    /// Inferred pairs that a saved plan was made without; what they came from is not kept.
    left_open: usize,
    options: Options,
}

/// What a restore's bodies are prepared with.
#[derive(Default)]
pub(crate) struct Infrastructure {
    pub(crate) pair: Option<InfraPair>,
    pub(crate) rules: Option<Rules>,
    /// What the plan keeps of it.
    pub(crate) settings: BTreeMap<String, String>,
    findings: Vec<Finding>,
    /// Inferred pairs that nobody has accepted.
    inferred: usize,
    require_no_leaks: bool,
    knows_target: bool,
}

impl InfraFlags {
    pub(crate) fn any(&self) -> bool {
        [&self.source_contract, &self.target_contract, &self.dns_owner_id].iter().any(|flag| flag.is_some())
            || self.map.is_some()
            || self.rules.is_some()
            || self.cloud_objects.is_some()
            || [
                self.accept_inferred,
                self.no_rewrite,
                self.require_no_leaks,
                self.recovery,
                self.drop_load_balancer_names,
            ]
            .contains(&true)
    }

    /// Reads what the flags name.
    pub(crate) async fn read(&self, location: Option<&str>, context: &Context) -> Result<Wanted, Failure> {
        let mut wanted = Wanted {
            accept_inferred: self.accept_inferred,
            no_rewrite: self.no_rewrite,
            require_no_leaks: self.require_no_leaks,
            options: Options {
                purpose: if self.recovery { Purpose::Recovery } else { Purpose::Drill },
                cloud_objects: match self.cloud_objects {
                    Some(CloudPolicy::Observe) => CloudObjects::Observe,
                    Some(CloudPolicy::HoldBack) | None => CloudObjects::HoldBack,
                },
                drop_load_balancer_names: self.drop_load_balancer_names,
                dns_owner_id: self.dns_owner_id.clone(),
            },
            ..Wanted::default()
        };
        if let Some(source) = &self.source_contract {
            wanted.source = Some(environment::read(source, location, context).await?);
        }
        if let Some(target) = &self.target_contract {
            wanted.target = Some(environment::read(target, location, context).await?);
        }
        wanted.map = self.map.as_deref().map(crate::command::infra::read_map).transpose()?;
        wanted.rules = self.rules.as_deref().map(crate::command::read_input).transpose()?;
        Ok(wanted)
    }
}

impl Wanted {
    /// What a saved plan was made with.
    pub(crate) fn from_saved(settings: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let get = |key: &str| settings.get(&format!("{PREFIX}{key}"));
        let is = |key: &str| get(key).is_some_and(|value| value == "true");
        let contract = |key: &str| -> anyhow::Result<Option<Environment>> {
            let Some(text) = get(key) else { return Ok(None) };
            let contract = Contract::from_slice(text.as_bytes()).with_context(|| format!("the plan's {key}"))?;
            Ok(Some(Environment { contract, state: None }))
        };
        Ok(Self {
            source: contract("source-contract")?,
            target: contract("target-contract")?,
            map: get("map").map(|text| MapFile::parse(text)).transpose().context("the plan's map")?,
            rules: get("rules").cloned(),
            accept_inferred: is("accept-inferred"),
            no_rewrite: is("no-rewrite"),
            require_no_leaks: is("require-no-leaks"),
            left_open: get("inferred").and_then(|count| count.parse().ok()).unwrap_or_default(),
            options: Options {
                purpose: if is("recovery") { Purpose::Recovery } else { Purpose::Drill },
                cloud_objects: match get("cloud-objects").map(String::as_str) {
                    Some("observe") => CloudObjects::Observe,
                    _ => CloudObjects::HoldBack,
                },
                drop_load_balancer_names: is("drop-load-balancer-names"),
                dns_owner_id: get("dns-owner-id").cloned(),
            },
        })
    }

    /// Pairs source and target; `captured` is the contract that the backup holds.
    pub(crate) fn prepare(&self, captured: Option<&Value>) -> Result<Infrastructure, Failure> {
        let mut out = Infrastructure { require_no_leaks: self.require_no_leaks, ..Infrastructure::default() };
        if self.no_rewrite {
            out.set("no-rewrite", "true");
            return Ok(out);
        }
        let asked = self.target.is_some() || self.map.is_some() || self.rules.is_some() || self.require_no_leaks;
        let captured = match (&self.source, captured) {
            (Some(_), _) | (None, None) => None,
            (None, Some(value)) => match Contract::from_value(value) {
                Ok(contract) => Some(contract),
                Err(error) if !asked => {
                    let message = format!("the backup's contract is not usable: {}", model::chain(&error));
                    out.findings.push(finding(Severity::Warning, "captured-contract", message));
                    None
                }
                Err(error) => return Err(anyhow::Error::from(error).context("the backup's contract").into()),
            },
        };
        let source = self.source.as_ref().map(|source| &source.contract).or(captured.as_ref());
        if !asked {
            if source.is_some() {
                let message = "what the source's infrastructure was is known, what the target's is, is not: nothing is \
                               rewritten; give --target-contract";
                out.findings.push(finding(Severity::Info, "no-target-contract", message.to_owned()));
            }
            return Ok(out);
        }
        if self.require_no_leaks && source.is_none() && self.map.is_none() {
            return Err(Failure::usage("--require-no-leaks: nothing says what belongs to the source")
                .hint("the backup captured no contract; give --source-contract"));
        }
        let state = |environment: &'_ Option<Environment>| -> Option<State> {
            environment.as_ref().and_then(|environment| environment.state.clone())
        };
        let (source_state, target_state) = (state(&self.source), state(&self.target));
        let target = self.target.as_ref().map(|target| &target.contract);
        let sides = (
            Side { contract: source, state: source_state.as_ref() },
            Side { contract: target, state: target_state.as_ref() },
        );
        let mut pairs = pair(sides.0, sides.1, self.map.as_ref()).map_err(|error| {
            Failure::from(error).exit(Exit::Decision).hint("say which one is meant in a file, and give it with --map")
        })?;
        out.findings.extend(pairs.findings().iter().cloned());
        if !self.accept_inferred {
            out.inferred = pairs.inferred().count().max(self.left_open);
            for pair in pairs.inferred().take(LISTED) {
                let message = format!("only inferred, and not used before somebody accepts it: {pair}");
                out.findings.push(finding(Severity::Error, "inferred-pair", message));
            }
            pairs = pairs.certain();
        }
        let empty = Contract::from_value(&serde_json::json!({ "schema_version": "1.0" }))?;
        let (known_source, known_target) = (source.unwrap_or(&empty), target.unwrap_or(&empty));
        if let Some(text) = &self.rules {
            let rules = Rules::parse(text, source, target).context("the rules");
            out.rules = Some(rules.map_err(|error| Failure::from(error).exit(Exit::Usage))?);
        }
        out.knows_target = target.is_some();
        self.remember(&mut out, source, target, &pairs)?;
        out.pair = Some(InfraPair::new(known_source.clone(), known_target.clone(), pairs, self.options.clone())?);
        Ok(out)
    }

    fn remember(
        &self,
        out: &mut Infrastructure,
        source: Option<&Contract>,
        target: Option<&Contract>,
        pairs: &infra::Pairs,
    ) -> Result<(), Failure> {
        for (key, contract) in [("source-contract", source), ("target-contract", target)] {
            if let Some(contract) = contract {
                out.set(key, &contract.to_value().to_string());
            }
        }
        let modules = self.map.as_ref().map(|map| map.modules.clone()).unwrap_or_default();
        let mut map = MapFile::from_pairs(pairs, &modules);
        map.unpaired.clear();
        // The contracts give theirs again; what came from states or a person would be lost.
        map.pairs.retain(|entry| entry.by != Some(Method::Contract));
        if !map.pairs.is_empty() {
            out.set("map", &map.to_yaml().context("failed to encode the pairs")?);
        }
        if let Some(rules) = &self.rules {
            out.set("rules", rules);
        }
        if out.inferred > 0 {
            out.set("inferred", &out.inferred.to_string());
        }
        let flags = [
            ("accept-inferred", self.accept_inferred),
            ("require-no-leaks", self.require_no_leaks),
            ("recovery", self.options.purpose == Purpose::Recovery),
            ("drop-load-balancer-names", self.options.drop_load_balancer_names),
        ];
        flags.iter().filter(|(_, on)| *on).for_each(|(key, _)| out.set(key, "true"));
        if self.options.cloud_objects == CloudObjects::Observe {
            out.set("cloud-objects", "observe");
        }
        if let Some(id) = &self.options.dns_owner_id {
            out.set("dns-owner-id", id);
        }
        Ok(())
    }
}

impl Infrastructure {
    fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(format!("{PREFIX}{key}"), value.to_owned());
    }

    /// Says in the plan what pairing noticed; `unmatched` are rules that matched nothing.
    pub(crate) fn complete(&self, file: &mut PlanFile, unmatched: Vec<Finding>) {
        if !self.knows_target {
            // An id that nobody knows may be the target's own.
            file.findings.retain(|finding| finding.reason.code != "unknown-identifier");
        }
        file.findings.splice(0..0, self.findings.iter().cloned());
        file.findings.extend(unmatched);
    }

    /// Why the plan may not be carried out as it stands.
    pub(crate) fn stops(&self, file: &PlanFile) -> Vec<String> {
        let mut why = Vec::new();
        if self.inferred > 0 {
            why.push(format!(
                "{} pairs of infrastructure are only inferred; accept them with --accept-inferred, or review them with \
                 `landfall infra map SOURCE TARGET --out map.yaml` and give --map map.yaml",
                self.inferred
            ));
        }
        let leaks = file.findings.iter().filter(|finding| is_leak(finding)).count();
        if self.require_no_leaks && leaks > 0 {
            why.push(format!("{leaks} places still point at the source, and --require-no-leaks allows none"));
        }
        why
    }
}

fn is_leak(finding: &Finding) -> bool {
    let codes = ["source-identifier", "unknown-identifier", "helm-release", "not-listed"];
    finding.severity != Severity::Info && codes.contains(&finding.reason.code.as_str())
}

fn finding(severity: Severity, code: &str, message: String) -> Finding {
    Finding { severity, item: None, pointer: None, reason: Reason::new(code, message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Manifest;
    use serde_json::json;

    fn environment(region: &str, subnet: &str) -> Environment {
        let contract = json!({"schema_version": "1.0", "region": region, "account_id": "111122223333",
            "cluster": {"name": "prod"},
            "network": {"subnets": {"public": {"a": {"id": subnet}}}}});
        Environment { contract: Contract::from_value(&contract).unwrap(), state: None }
    }

    fn wanted() -> Wanted {
        Wanted { target: Some(environment("eu-central-1", "subnet-0bbbbbbbbbbbbbbbb")), ..Wanted::default() }
    }

    fn captured() -> Value {
        environment("eu-west-1", "subnet-0aaaaaaaaaaaaaaaa").contract.to_value()
    }

    fn rewritten(infrastructure: &Infrastructure) -> String {
        let mut manifest =
            Manifest::from_value(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a",
            "annotations": {"service.beta.kubernetes.io/aws-load-balancer-subnets": "subnet-0aaaaaaaaaaaaaaaa"}}}))
            .unwrap();
        infrastructure.pair.as_ref().unwrap().rewrite(&mut manifest);
        manifest.annotation("service.beta.kubernetes.io/aws-load-balancer-subnets").unwrap().to_owned()
    }

    #[test]
    fn the_contract_of_the_backup_is_the_source() {
        let infrastructure = wanted().prepare(Some(&captured())).unwrap();
        assert_eq!(rewritten(&infrastructure), "subnet-0bbbbbbbbbbbbbbbb");
        let nothing = Wanted::default().prepare(Some(&captured())).unwrap();
        assert!(nothing.pair.is_none() && nothing.settings.is_empty());
        assert_eq!(nothing.findings[0].reason.code, "no-target-contract");
        let off = Wanted { no_rewrite: true, ..wanted() }.prepare(Some(&captured())).unwrap();
        assert!(off.pair.is_none());
    }

    #[test]
    fn a_saved_plan_brings_everything_along() {
        let map = "version: 1\npairs: [{source: old.example.com, target: new.example.com}]\n";
        let first = Wanted {
            rules: Some("version: 1\nrules: []\n".to_owned()),
            map: Some(MapFile::parse(map).unwrap()),
            options: Options { purpose: Purpose::Recovery, dns_owner_id: Some("x".into()), ..Options::default() },
            ..wanted()
        };
        let first = first.prepare(Some(&captured())).unwrap();
        let again = Wanted::from_saved(&first.settings).unwrap().prepare(None).unwrap();
        assert_eq!(again.settings, first.settings);
        assert_eq!(again.pair.as_ref().unwrap().options, first.pair.as_ref().unwrap().options);
        assert_eq!(again.pair.as_ref().unwrap().pairs.all().len(), first.pair.as_ref().unwrap().pairs.all().len());
        assert_eq!(rewritten(&again), "subnet-0bbbbbbbbbbbbbbbb");
    }

    #[test]
    fn inferred_pairs_stop_a_plan_and_what_was_saved_of_it() {
        let side = |name: &str, region: &str, id: &str| {
            let arn = format!("arn:aws:acm:{region}:111122223333:certificate/{id}");
            let state = json!({"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "a", "outputs": {},
                "resources": [{"mode": "managed", "type": "aws_acm_certificate", "name": name, "provider": "p",
                    "instances": [{"attributes": {"arn": arn, "id": arn, "domain_name": "shop.example"}}]}]});
            Some(environment::of_bytes(state.to_string().as_bytes()).unwrap())
        };
        let wanted = |accept_inferred| Wanted {
            source: side("old", "eu-west-1", "11111111-1111-1111-1111-111111111111"),
            target: side("new", "eu-central-1", "22222222-2222-2222-2222-222222222222"),
            accept_inferred,
            ..Wanted::default()
        };
        let open = wanted(false).prepare(None).unwrap();
        assert!(open.inferred > 0);
        assert!(open.findings.iter().any(|finding| finding.reason.code == "inferred-pair"));
        let again = Wanted::from_saved(&open.settings).unwrap().prepare(None).unwrap();
        assert_eq!(again.inferred, open.inferred);
        let accepted = wanted(true).prepare(None).unwrap();
        assert_eq!(accepted.inferred, 0);
        let again = Wanted::from_saved(&accepted.settings).unwrap().prepare(None).unwrap();
        let count = |infrastructure: &Infrastructure| infrastructure.pair.as_ref().unwrap().pairs.all().len();
        assert_eq!((again.inferred, count(&again)), (0, count(&accepted)));
    }

    #[test]
    fn contracts_of_a_newer_major_version_are_refused_when_they_matter() {
        let newer = json!({"schema_version": "9.0"});
        assert!(wanted().prepare(Some(&newer)).is_err());
        let unasked = Wanted::default().prepare(Some(&newer)).unwrap();
        assert_eq!(unasked.findings[0].reason.code, "captured-contract");
    }

    #[test]
    fn zero_leaks_need_somebody_who_says_what_a_leak_is() {
        assert!(Wanted { require_no_leaks: true, ..Wanted::default() }.prepare(None).is_err());
    }
}
