use expect_test::{Expect, expect};

use super::*;
use crate::dag::Need;
use crate::format::RunKind;

/// The problems of a file, one a line.
fn check(text: &str, expect: Expect) {
    match load(text) {
        Ok(_) => expect.assert_eq("fine"),
        Err(problems) => expect.assert_eq(&problems.to_string()),
    }
}

fn with_steps(steps: &str) -> String {
    let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
    format!("apiVersion: landfall.dev/v1alpha1\nkind: Scenario\nmetadata: {{ name: test }}\nspec:\n  steps:\n{steps}")
}

const EXAMPLE: &str = r#"apiVersion: landfall.dev/v1alpha1
kind: Scenario
metadata: { name: rebuild-and-restore }
spec:
  objectives: { rto: 60m, rpo: 24h }
  inputs:
    region: { default: ap-northeast-2 }
  steps:
    - { id: infrastructure, uses: terraform.apply,  with: { stack: terraform/stacks/recovery, vars: { region: "${inputs.region}" } } }
    - { id: cluster,        uses: cluster.connect,  with: { contract: "${infrastructure.contract}" } }
    - { id: backup,         uses: backup.pick,      with: { location: s3-main, pick: latest } }
    - { id: restore,        uses: restore.run,      with: { backup: "${backup.name}", cluster: "${cluster.handle}" } }
    - { id: shop-answers,   uses: verify.http,      with: { service: shop/web, path: /healthz, expect: { status: 200 } } }
    - { id: no-old-references, uses: verify.references }
  onDone: { drill: destroy, recovery: keep }
"#;

#[test]
fn the_documented_example_is_a_scenario() {
    let scenario = load(EXAMPLE).unwrap();
    let needs = |id: &str| scenario.step(id).unwrap().direct_needs(&scenario).join(" ");
    assert_eq!(needs("infrastructure"), "");
    assert_eq!(needs("cluster"), "infrastructure");
    assert_eq!(needs("backup"), "");
    assert_eq!(needs("restore"), "backup cluster");
    // Verifications wait for what changes their cluster, though they refer to nothing.
    assert_eq!(needs("shop-answers"), "restore");
    assert_eq!(needs("no-old-references"), "restore");
    assert_eq!(scenario.step("restore").unwrap().with["location"], "${backup.location}");
    assert_eq!(scenario.objectives.rto, Some(crate::Period::minutes(60)));
}

#[test]
fn every_problem_is_named_with_its_place() {
    let text = r#"apiVersion: landfall.dev/v1alpha1
kind: Scenario
metadata: { name: Bad_Name, lables: {} }
spec:
  objectives: { rto: 60 minutes, rpo: 24h, from: infrastrcture }
  inputs:
    region: { default: eu-west-1, oneOf: [us-east-1] }
  onDone: { drill: destory }
  steps:
    - { id: infrastructure, uses: terraform.aply, with: {} }
    - id: cluster
      uses: cluster.connect
      with:
        contract: "${infra.contract}"
        connection: { kind: ssm }
    - id: backup
      uses: backup.pick
      with: { locaton: s3-main, pick: latset }
      neds: [cluster]
    - id: restore
      uses: restore.run
      with: { backup: "${backup.nam}", cluster: "${backup.name}", tolerate: many, includeNamespaces: shop }
      timeout: 5
      when: recvery
    - id: restore
      uses: verify.http
      with: { service: web, expect: { status: "200" }, port: [1] }
    - { id: run, uses: pause, needs: [nothing] }
"#;
    check(
        text,
        expect![[r#"
        3:19: "Bad_Name" is not a name: lower-case letters, digits and dashes, at most 63
        3:29: unknown key "lables"; did you mean "labels"?
        5:22: invalid period "60 minutes"; write it like 30s, 10m, 1h30m or 14d
        5:50: there is no step "infrastrcture"; did you mean "infrastructure"?
        7:24: the default of "region" is not one of its values
        8:20: unknown value "destory"; did you mean "destroy"?
        10:35: unknown kind of step "terraform.aply"; did you mean "terraform.apply"?
        14:19: there is no step "infra"; known here: backup, cluster, infrastructure, restore, run, inputs, run
        15:29: unknown value "ssm"; known here: direct, https_proxy, ssm-port-forward
        18:13: "location" is missing
        18:15: unknown key "locaton"; did you mean "location"?
        18:39: unknown value "latset"; did you mean "latest"?
        19:7: unknown key "neds"; did you mean "needs"?
        22:13: "location" is missing
        22:23: backup.pick gives no "nam"; did you mean "name"?
        22:49: ${backup.name} is a string, where a cluster handle is expected
        22:77: expected a whole number, found a string
        22:102: expected a list, found a string
        23:16: expected a period such as 10m, found the number 5; put it in quotes
        24:13: unknown word "recvery"; write always, drill, recovery or an expression such as "${step.output} == 'text'"
        25:7: ${backup.name} is a string, where a cluster handle is expected
        25:11: the id "restore" is taken by line 20
        27:47: expected a whole number, found a string
        27:62: expected a whole number or a string, found a list
        28:13: "run" is reserved
        28:39: there is no step "nothing"; known here: backup, cluster, infrastructure, restore, run"#]],
    );
}

#[test]
fn parameters_are_checked_beyond_their_types() {
    check(
        &with_steps(
            r#"- { id: a, uses: cluster.connect, with: { sandbox: x, kubeconfig: {}, connection: { kind: ssm-port-forward } } }
- { id: b, uses: backup.pick, with: { location: x, pick: random } }
- { id: c, uses: verify.tcp, with: { cluster: "${a.handle}", service: web, port: 0 } }
- { id: d, uses: verify.query, with: { resource: pods, expression: "1 == 1" } }
- { id: e, uses: verify.canary, with: { do: check, namespace: shop } }
- { id: f, uses: verify.tcp, with: { service: shop/web, port: 99999 } }
- { id: g, uses: terraform.apply, with: { stack: x, state: y, backend: { bucket: b, secret_key: "k" } } }"#,
        ),
        expect![[r#"
            6:45: an SSM tunnel (ssm-port-forward) is not supported yet; make the endpoint reachable directly or through an HTTPS proxy
            6:45: name the cluster by exactly one of contract, kubeconfig, sandbox and eks
            7:41: pick: random needs "within", such as 14d
            8:40: a service is written namespace/name, not "web"
            8:40: port 0 cannot be connected to
            9:42: the expression never looks at "object", so it proves nothing
            10:43: do: check needs "digest": ${step.digest} of the step that planted
            11:67: 99999 is out of range
            12:45: "state" is for a local state and "backend" for any other: give one of them
            12:45: backend.secret_key would be written into the journal: give credentials by the environment or a profile"#]],
    );
}

#[test]
fn circles_are_named() {
    check(
        &with_steps(
            r#"- { id: a, uses: command, with: { run: ["${c.stdout}"] }, parallel: true }
- { id: b, uses: command, with: { run: [x] }, needs: [a], parallel: true }
- { id: c, uses: command, with: { run: [x] }, needs: [b], parallel: true }
- { id: d, uses: command, with: { run: [x] }, needs: [d] }
- { id: v, uses: verify.tcp, with: { host: localhost, port: 80 }, needs: [c] }"#,
        ),
        expect![[r#"
            6:7: steps need each other in a circle: a → c → b → a; remove one of the references or needs
            9:7: steps need each other in a circle: d → d; remove one of the references or needs"#]],
    );
}

#[test]
fn a_cluster_must_be_named_when_there_are_several() {
    let text = with_steps(
        r#"- { id: a, uses: cluster.connect, with: { sandbox: x } }
- { id: b, uses: cluster.connect, with: { sandbox: y } }
- { id: ready, uses: verify.ready }"#,
    );
    check(&text, expect![[r#"8:7: "cluster" is missing; which one? ${a.handle} or ${b.handle}"#]]);
    let text = with_steps("- { id: ready, uses: verify.ready }");
    check(&text, expect![[r#"6:7: "cluster" is missing; connect to one with a cluster.connect step"#]]);
}

#[test]
fn what_runs_only_in_a_recovery_cannot_be_used_in_a_drill() {
    let text = with_steps(
        r#"- { id: dns, uses: terraform.apply, with: { stack: dns }, when: recovery }
- { id: c, uses: cluster.connect, with: { contract: "${dns.contract}" } }
- { id: ready, uses: verify.ready }"#,
    );
    check(&text, expect![[r#"7:7: "c" uses "dns", which does not run in a drill; give it "when: recovery" too"#]]);
    let text = with_steps("- { id: p, uses: pause }");
    check(
        &text,
        expect!["6:5: the scenario verifies nothing; add a verify step; without one, no run can ever be a pass"],
    );
}

#[test]
fn groups_share_their_conditions_and_can_be_waited_for() {
    let scenario = load(&with_steps(
        r#"- group: build
  steps:
    - { id: a, uses: terraform.apply, with: { stack: a } }
    - { id: b, uses: terraform.apply, with: { stack: b } }
- group: cutover
  when: recovery
  needs: [build]
  steps:
    - { id: dns, uses: terraform.apply, with: { stack: dns } }
- { id: c, uses: cluster.connect, with: { contract: "${a.contract}" }, needs: [build] }
- { id: ready, uses: verify.ready }
- { id: ask, uses: approve, with: { message: go? } }
- { id: late, uses: terraform.apply, with: { stack: late } }
- { id: free, uses: terraform.apply, with: { stack: free }, parallel: true }"#,
    ))
    .unwrap();
    let step = |id: &str| scenario.step(id).unwrap();
    assert_eq!(step("dns").needs.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert!(!step("dns").is_for(RunKind::Drill) && step("dns").is_for(RunKind::Recovery));
    assert_eq!(step("c").needs[&"b".to_owned()], Need::Said);
    assert_eq!(step("ask").needs.len(), 5);
    assert_eq!(step("late").direct_needs(&scenario), ["ask"]);
    assert!(step("free").needs.is_empty());
}

#[test]
fn destroying_a_stack_waits_for_who_uses_it() {
    let scenario = load(&with_steps(
        r#"- { id: source, uses: terraform.apply, with: { stack: s } }
- { id: old, uses: cluster.connect, with: { contract: "${source.contract}" } }
- { id: shop, uses: cluster.apply, with: { manifests: shop } }
- { id: backup, uses: backup.run, with: { location: x } }
- { id: lose, uses: terraform.destroy, with: { applied: "${source.handle}" } }
- { id: check, uses: verify.tcp, with: { host: h, port: 1 } }"#,
    ))
    .unwrap();
    assert_eq!(scenario.step("backup").unwrap().direct_needs(&scenario), ["shop"]);
    assert_eq!(scenario.step("lose").unwrap().direct_needs(&scenario), ["backup"]);
}

#[test]
fn odd_files_are_refused_without_a_panic() {
    for text in [
        "",
        "~",
        "[]",
        "apiVersion: landfall.dev/v1alpha1",
        "apiVersion: landfall.dev/v9\nkind: Scenario\n",
        "{apiVersion: landfall.dev/v1alpha1, kind: Scenario, metadata: {name: x}, spec: {steps: }}",
        "{apiVersion: landfall.dev/v1alpha1, kind: Scenario, metadata: {name: x}, spec: {steps: {}}}",
        "{apiVersion: landfall.dev/v1alpha1, kind: Scenario, metadata: {name: x}, spec: {steps: [1, ~, [], {}]}}",
        "{apiVersion: landfall.dev/v1alpha1, kind: Scenario, metadata: {name: x}, spec: {steps: [{group: ~, steps: 3}]}}",
        "{apiVersion: landfall.dev/v1alpha1, kind: Scenario, metadata: 7, spec: 8}",
    ] {
        assert!(!load(text).unwrap_err().list().is_empty(), "{text}");
    }
    let many = (0..600).map(|n| format!("- {{ id: p{n}, uses: pause }}")).collect::<Vec<_>>().join("\n");
    assert!(load(&with_steps(&many)).unwrap_err().to_string().contains("600 steps"));
}
