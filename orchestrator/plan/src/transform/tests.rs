use super::*;
use infra::{Contract, MapFile, Options, Pairs, Side, pair};
use serde_json::Value;

const SOURCE: &str = include_str!("../../../../tests/fixtures/platform/source-contract.json");
const TARGET: &str = include_str!("../../../../tests/fixtures/platform/target-contract.json");

fn contract(text: &str) -> Contract {
    Contract::from_slice(text.as_bytes()).unwrap()
}

fn pairs(source: &Contract, target: &Contract) -> Pairs {
    let side = |contract| Side { contract: Some(contract), state: None };
    let pairs = pair(side(source), side(target), None).unwrap();
    assert!(pairs.findings().iter().all(|f| f.severity != model::Severity::Error), "{:?}", pairs.findings());
    pairs
}

fn infra_with(options: Options) -> InfraPair {
    let (source, target) = (contract(SOURCE), contract(TARGET));
    let pairs = pairs(&source, &target);
    InfraPair::new(source, target, pairs, options).unwrap()
}

fn platform() -> InfraPair {
    infra_with(Options::default())
}

fn manifest(yaml: &str) -> Manifest {
    let value: Value = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    Manifest::from_value(value).unwrap()
}

mod examples {
    use super::*;

    #[test]
    fn every_page_has_a_name_words_and_an_example_that_holds() {
        let infra = platform();
        let mut auto = contract(TARGET).body().clone();
        auto.cluster.as_mut().unwrap().compute = Some("auto".into());
        let auto = Contract::from_value(&serde_json::to_value(auto).unwrap()).unwrap();
        let source = contract(SOURCE);
        let auto_pairs = pairs(&source, &auto);
        let auto = InfraPair::new(source, auto, auto_pairs, Options::default()).unwrap();
        for (transform, page) in TRANSFORMS.iter().zip(reference::pages()) {
            assert!(transform.text().starts_with(&format!("//! Transform: {}\n", page.name)), "{}", page.name);
            assert!(!page.about.is_empty() && !page.before.is_empty() && !page.after.is_empty(), "{}", page.name);
            let infra = if page.name == "auto-mode" { &auto } else { &infra };
            let mut object = manifest(&page.before);
            assert!(transform.applies(&Facts::of(&object)), "{}", page.name);
            if let Some(code) = page.after.strip_prefix("held back: ") {
                let reason = transform.hold_back(&object, infra).expect(page.name);
                assert_eq!(reason.code, code.trim(), "{}", page.name);
                continue;
            }
            assert_eq!(transform.hold_back(&object, infra), None, "{}", page.name);
            let applied = transform.apply(&mut object, infra);
            if let Some(code) = page.after.strip_prefix("blocked: ") {
                assert_eq!(applied.unwrap_err().reason.code, code.trim(), "{}", page.name);
                continue;
            }
            let changes = applied.unwrap();
            assert!(!changes.is_empty(), "{}", page.name);
            let (after, expected) = (object.into_value(), manifest(&page.after).into_value());
            assert_eq!(
                serde_json::to_string_pretty(&after).unwrap(),
                serde_json::to_string_pretty(&expected).unwrap(),
                "{}",
                page.name
            );
        }
    }

    #[test]
    fn the_reference_names_every_transform_once() {
        let text = reference();
        for transform in TRANSFORMS {
            assert_eq!(text.matches(&format!("\n## {}\n", transform.name())).count(), 1, "{}", transform.name());
        }
    }
}

mod whole_platform {
    use super::*;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/platform").join(name)
    }

    fn objects() -> Vec<(String, Manifest)> {
        let entries = std::fs::read_dir(folder("before")).unwrap().map(|entry| entry.unwrap().path());
        let mut objects: Vec<(String, Manifest)> = entries
            .map(|path| {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                (name, manifest(&std::fs::read_to_string(&path).unwrap()))
            })
            .collect();
        objects.sort_by(|a, b| a.0.cmp(&b.0));
        objects
    }

    /// What a plan would show, then the body.
    fn golden(manifest: &Manifest, outcome: &TransformOutcome) -> String {
        let mut out = String::new();
        if let Some((transform, reason)) = &outcome.held_back {
            return format!("# held back by {transform}: {}, {}\n", reason.code, reason.message);
        }
        for (transform, blocked) in &outcome.blocked {
            out.push_str(&format!(
                "# blocked by {transform}: {}, {}\n#   {}\n",
                blocked.reason.code, blocked, blocked.hint
            ));
        }
        for (transform, changes) in &outcome.changes {
            for change in changes {
                let verb = if change.after.is_some() { "sets" } else { "removes" };
                out.push_str(&format!("# {transform} {verb} {}\n#   {}\n", change.pointer, change.because));
            }
        }
        for finding in &outcome.findings {
            let pointer = finding.pointer.clone().unwrap_or_default();
            out.push_str(&format!("# found {} {pointer}\n#   {}\n", finding.reason.code, finding.reason.message));
        }
        out.push_str(&serde_saphyr::to_string(&manifest.as_map()).unwrap());
        out
    }

    #[test]
    fn every_object_becomes_its_golden() {
        let infra = platform();
        let objects = objects();
        assert!(objects.len() >= 60, "{}", objects.len());
        for (name, mut manifest) in objects {
            let outcome = apply_all(&mut manifest, &infra);
            let golden = golden(&manifest, &outcome);
            expect_test::expect_file![folder("after").join(format!("{name}.yaml"))].assert_eq(&golden);
        }
    }

    #[test]
    fn nothing_points_at_the_source_afterwards() {
        let infra = platform();
        for (name, mut manifest) in objects() {
            let outcome = apply_all(&mut manifest, &infra);
            if outcome.held_back.is_some() || !outcome.blocked.is_empty() {
                continue;
            }
            let leaks: Vec<String> = infra
                .leaks(&manifest, None)
                .into_iter()
                .filter(|leak| leak.severity > model::Severity::Info)
                .map(|leak| format!("{:?} {}", leak.pointer, leak.reason.message))
                .collect();
            assert_eq!(leaks, Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let infra = platform();
        for (name, mut manifest) in objects() {
            let first = apply_all(&mut manifest, &infra);
            if first.held_back.is_some() || !first.blocked.is_empty() {
                continue;
            }
            let again = apply_all(&mut manifest, &infra);
            assert_eq!(again.changes, [], "{name}");
            assert_eq!(again.blocked, [], "{name}");
        }
    }

    #[test]
    fn what_is_held_back_and_blocked_is_known_by_name() {
        let infra = platform();
        let (mut held, mut blocked) = (Vec::new(), Vec::new());
        for (name, mut manifest) in objects() {
            let outcome = apply_all(&mut manifest, &infra);
            held.extend(outcome.held_back.map(|_| name.clone()));
            blocked.extend(outcome.blocked.first().map(|_| name.clone()));
        }
        let expected = [
            "ack-bucket-assets",
            "cninode-made",
            "configmap-aws-auth",
            "configmap-coredns",
            "crossplane-instance-orders",
            "daemonset-aws-node",
            "nodeclaim-default",
            "secret-ecr-pull",
            "targetgroupbinding-made",
        ];
        assert_eq!(held, expected);
        assert_eq!(blocked, ["persistentvolume-ebs", "persistentvolume-ebs-in-tree", "volumesnapshotcontent-data"]);
    }

    #[test]
    fn no_secret_value_is_ever_shown() {
        let infra = platform();
        for (name, mut manifest) in objects() {
            let outcome = apply_all(&mut manifest, &infra);
            let text = serde_json::to_string(&outcome.all_changes().collect::<Vec<_>>()).unwrap();
            assert!(!text.contains("correct-horse"), "{name}");
        }
    }
}

mod cases {
    use super::*;
    use infra::{CloudObjects, Purpose};

    fn folded() -> InfraPair {
        let (source, mut target) = (contract(SOURCE), contract(TARGET).body().clone());
        let network = target.network.as_mut().unwrap();
        network.azs.remove("c");
        network.subnets.values_mut().for_each(|tier| {
            tier.remove("c");
        });
        let target = Contract::from_value(&serde_json::to_value(target).unwrap()).unwrap();
        let pairs = pairs(&source, &target);
        InfraPair::new(source, target, pairs, Options::default()).unwrap()
    }

    #[test]
    fn fewer_zones_fold_and_leave_no_repetition() {
        let infra = folded();
        let mut ingress = manifest(
            "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, annotations: {alb.ingress.kubernetes.io/subnets: 'subnet-01000000000000021,subnet-01000000000000022,subnet-01000000000000023'}}}",
        );
        apply_all(&mut ingress, &infra);
        let subnets = ingress.annotation("alb.ingress.kubernetes.io/subnets");
        assert_eq!(subnets, Some("subnet-02000000000000021,subnet-02000000000000022"));
        let mut pool = manifest(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {spec: {topologySpreadConstraints: [{topologyKey: topology.kubernetes.io/zone, minDomains: 3}], affinity: {x: {key: topology.kubernetes.io/zone, values: [us-east-1a, us-east-1c]}}}}}}",
        );
        apply_all(&mut pool, &infra);
        let spec = "/spec/template/spec";
        assert_eq!(pool.get(&format!("{spec}/affinity/x/values")), Some(&serde_json::json!(["us-west-2a"])));
        assert_eq!(pool.get(&format!("{spec}/topologySpreadConstraints/0/minDomains")), Some(&serde_json::json!(2)));
        let mut config = manifest(
            "{apiVersion: crd.k8s.amazonaws.com/v1alpha1, kind: ENIConfig, metadata: {name: us-east-1c}, spec: {}}",
        );
        assert_eq!(apply_all(&mut config, &infra).held_back.unwrap().1.code, "zone-folded");
    }

    #[test]
    fn a_role_without_a_counterpart_blocks_its_service_account() {
        let mut account = manifest(
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: new, namespace: shop, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/new'}}}",
        );
        let outcome = apply_all(&mut account, &platform());
        assert_eq!(outcome.blocked[0].1.reason.code, "no-role");
        let mut foreign = manifest(
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: new, namespace: shop, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::999999999999:role/vendor'}}}",
        );
        assert_eq!(apply_all(&mut foreign, &platform()), TransformOutcome::default());
    }

    #[test]
    fn in_a_renamed_namespace_the_role_is_the_one_that_trusts_it_there() {
        let web = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/shop-web-prod'}}}";
        let role = |target: Contract, map: Option<&MapFile>| {
            let source = contract(SOURCE);
            let side = |contract| Side { contract: Some(contract), state: None };
            let pairs = pair(side(&source), side(&target), map).unwrap();
            let mut infra = InfraPair::new(source, target, pairs, Options::default()).unwrap();
            infra.namespaces.insert("shop".into(), "shop-drill".into());
            let mut account = manifest(web);
            let outcome = apply_all(&mut account, &infra);
            match outcome.blocked.first() {
                Some((_, blocked)) => format!("{}: {}", blocked.reason.code, blocked.hint),
                None => account.annotation("eks.amazonaws.com/role-arn").unwrap_or("none").to_owned(),
            }
        };
        // The target's role for shop/web trusts nobody in shop-drill.
        let blocked = role(contract(TARGET), None);
        assert!(blocked.starts_with("no-role: ") && blocked.contains("shop-drill/web"), "{blocked}");
        let with = |kind: &str| {
            let mut body: Value = serde_json::from_str(TARGET).unwrap();
            body["workload_iam"]["shop-drill/web"] =
                serde_json::json!({"role_arn": "arn:aws:iam::444455556666:role/drill", "kind": kind});
            Contract::from_value(&body).unwrap()
        };
        assert_eq!(role(with("irsa"), None), "arn:aws:iam::444455556666:role/drill");
        assert_eq!(role(with("pod_identity"), None), "none");
        let map = "version: 1\npairs:\n  - { source: 'arn:aws:iam::111122223333:role/shop-web-prod', target: 'arn:aws:iam::444455556666:role/chosen' }\n";
        assert_eq!(
            role(contract(TARGET), Some(&MapFile::parse(map).unwrap())),
            "arn:aws:iam::444455556666:role/chosen"
        );
    }

    #[test]
    fn in_a_recovery_external_dns_keeps_its_owner_id() {
        let text = include_str!("../../../../tests/fixtures/platform/before/deployment-external-dns.yaml");
        let owner = |options: Options| {
            let mut object = manifest(text);
            apply_all(&mut object, &infra_with(options));
            object.get_str("/spec/template/spec/containers/0/args/4").unwrap().to_owned()
        };
        assert_eq!(owner(Options { purpose: Purpose::Recovery, ..Options::default() }), "--txt-owner-id=shop-prod");
        assert_eq!(owner(Options::default()), "--txt-owner-id=landfall-shop-dr");
        let chosen = Options { dns_owner_id: Some("drill-7".into()), ..Options::default() };
        assert_eq!(owner(chosen), "--txt-owner-id=drill-7");
    }

    #[test]
    fn external_dns_without_an_owner_id_gets_one_in_a_drill() {
        let mut object = manifest(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: dns}, spec: {template: {spec: {containers: [{name: dns, image: 'registry.k8s.io/external-dns/external-dns:v0.21.0@sha256:00', args: [--provider=aws]}]}}}}",
        );
        apply_all(&mut object, &platform());
        let args = object.get("/spec/template/spec/containers/0/args");
        assert_eq!(args, Some(&serde_json::json!(["--provider=aws", "--txt-owner-id=landfall-shop-dr"])));
    }

    #[test]
    fn cloud_objects_can_be_observed() {
        let infra = infra_with(Options { cloud_objects: CloudObjects::Observe, ..Options::default() });
        let mut ack = manifest(include_str!("../../../../tests/fixtures/platform/before/ack-bucket-assets.yaml"));
        assert_eq!(apply_all(&mut ack, &infra).held_back, None);
        assert_eq!(ack.annotation("services.k8s.aws/deletion-policy"), Some("retain"));
        assert_eq!(ack.annotation("services.k8s.aws/read-only"), Some("true"));
        let mut crossplane =
            manifest(include_str!("../../../../tests/fixtures/platform/before/crossplane-instance-orders.yaml"));
        assert_eq!(apply_all(&mut crossplane, &infra).held_back, None);
        assert_eq!(crossplane.annotation("crossplane.io/paused"), Some("true"));
    }

    #[test]
    fn a_mapped_volume_is_attached_and_load_balancer_names_can_go() {
        let map = MapFile::parse("version: 1\npairs: [{source: vol-0123456789abcdef0, target: vol-0aaaaaaaaaaaaaaaa}]")
            .unwrap();
        let (source, target) = (contract(SOURCE), contract(TARGET));
        let side = |contract| Side { contract: Some(contract), state: None };
        let pairs = pair(side(&source), side(&target), Some(&map)).unwrap();
        let options = Options { drop_load_balancer_names: true, ..Options::default() };
        let infra = InfraPair::new(source, target, pairs, options).unwrap();
        let mut volume = manifest(include_str!("../../../../tests/fixtures/platform/before/persistentvolume-ebs.yaml"));
        assert_eq!(apply_all(&mut volume, &infra).blocked, []);
        assert_eq!(volume.get_str("/spec/csi/volumeHandle"), Some("vol-0aaaaaaaaaaaaaaaa"));
        assert_eq!(volume.label("topology.kubernetes.io/zone"), Some("us-west-2a"));
        assert_eq!(infra.leaks(&volume, None), []);
        let mut service = manifest(
            "{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {service.beta.kubernetes.io/aws-load-balancer-name: shop}}}",
        );
        apply_all(&mut service, &infra);
        assert_eq!(service.get("/metadata/annotations"), None);
    }
}

mod preparing_bodies {
    use super::*;
    use crate::restore::prepare::Rewrite;
    use infra::Rules;
    use model::{GroupResource, ItemId};

    #[test]
    fn rules_settle_what_a_transform_would_block() {
        let infra = platform();
        let text = r#"
version: 1
rules:
  - { name: drop-pin, match: { kind: Ingress }, at: /metadata/annotations/alb.ingress.kubernetes.io~1security-groups, remove: true }
  - { name: idle, match: { kind: Pod }, at: /spec/x, set: "${contract.region}" }
"#;
        let rules = Rules::parse(text, Some(&infra.source), Some(&infra.target)).unwrap();
        let body = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, namespace: b, annotations: {alb.ingress.kubernetes.io/security-groups: sg-0eeeeeeeeeeeeeeee, note: sg-0eeeeeeeeeeeeeeee}}}";
        let item = ItemId::namespaced(GroupResource::parse("ingresses.networking.k8s.io"), "b", "a");
        let blocked = InfraRewrite::new(&infra, None).rewrite(&item, &mut manifest(body));
        assert_eq!(blocked.blocked.unwrap().reason.code, "no-counterpart");
        let rewrite = InfraRewrite::new(&infra, Some(&rules));
        let done = rewrite.rewrite(&item, &mut manifest(body));
        assert_eq!((done.blocked, done.held_back), (None, None));
        assert_eq!(done.changes[0].because, "rule drop-pin");
        assert_eq!(done.leaks[0].item, Some(item));
        assert_eq!(done.leaks[0].reason.code, "unknown-identifier");
        let unmatched = rewrite.unmatched_rules();
        assert_eq!(unmatched.len(), 1);
        assert!(unmatched[0].reason.message.contains("idle"));
    }

    #[test]
    fn two_objects_never_get_one_name_without_a_word() {
        let infra = platform();
        let rewrite = InfraRewrite::new(&infra, None);
        let prepare = |name: &str| {
            let mut config = manifest(&format!(
                "{{apiVersion: crd.k8s.amazonaws.com/v1alpha1, kind: ENIConfig, metadata: {{name: {name}}}, spec: {{}}}}"
            ));
            let item = ItemId::cluster(GroupResource::parse("eniconfigs.crd.k8s.amazonaws.com"), name);
            rewrite.rewrite(&item, &mut config).blocked
        };
        assert_eq!(prepare("us-east-1a"), None);
        // Planning again what was planned is no conflict.
        assert_eq!(prepare("us-east-1a"), None);
        assert_eq!(prepare("us-east-1b"), None);
        let blocked = prepare("us-west-2a").unwrap();
        assert_eq!(blocked.reason.code, "name-collision");
        for name in ["us-east-1a", "us-west-2a"] {
            assert!(blocked.reason.message.contains(name), "{}", blocked.reason.message);
        }
    }
}
