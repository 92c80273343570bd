use super::*;

fn target(minor: u32) -> Target {
    Target::of_release(KubernetesVersion::new(1, minor))
}

fn converted(text: &str) -> ConvertedText {
    convert_text(text, &target(36), &Options::default()).unwrap()
}

fn outcomes(converted: &ConvertedText) -> Vec<(usize, Outcome)> {
    converted.documents.iter().map(|document| (document.line, document.outcome)).collect()
}

#[test]
fn comments_order_and_other_documents_are_kept() {
    let text = "\
# Everything about the shop.
---
apiVersion: extensions/v1beta1 # old
kind: Ingress
metadata:
  # who we are
  name: shop
  namespace: shop
spec:
  rules:
  - host: shop.example   # the only host
    http:
      paths:
      # the cart
      - path: /cart
        backend:
          serviceName: cart
          servicePort: 8080
  # and for everything else
  backend:
    serviceName: default
    servicePort: http
---
apiVersion: v1
kind: ConfigMap
metadata: {name:   odd}
data:
  mode: \"0644\"
";
    let expected = "\
# Everything about the shop.
---
apiVersion: networking.k8s.io/v1 # old
kind: Ingress
metadata:
  # who we are
  name: shop
  namespace: shop
spec:
  rules:
  - host: shop.example   # the only host
    http:
      paths:
      # the cart
      - path: /cart
        pathType: ImplementationSpecific
        backend:
          service:
            name: cart
            port:
              number: 8080
  # and for everything else
  defaultBackend:
    service:
      name: default
      port:
        name: http
---
apiVersion: v1
kind: ConfigMap
metadata: {name:   odd}
data:
  mode: \"0644\"
";
    let converted = converted(text);
    assert_eq!(converted.output, expected);
    assert_eq!(outcomes(&converted), [(1, Outcome::Empty), (3, Outcome::Converted), (24, Outcome::Unchanged)]);
    let again = super::convert_text(&converted.output, &target(36), &Options::default()).unwrap();
    assert!(!again.is_changed());
    assert_eq!(again.output, expected);
}

#[test]
fn untouched_text_is_the_same_byte_for_byte() {
    for text in [
        "",
        "\n\n# nothing\n",
        "---\n---\n...\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\r\ndata:\r\n  a: b",
        "\u{feff}apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n",
        "just: values\nfor: helm\n",
        "- 1\n- 2\n",
        "%YAML 1.2\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n",
        "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"x\"}}\n",
    ] {
        let converted = converted(text);
        assert_eq!(converted.output, text);
        assert!(!converted.is_changed() && !converted.needs_decision(), "{text:?} {converted:?}");
    }
}

#[test]
fn lists_are_their_items() {
    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: batch/v1beta1
  kind: CronJob
  metadata: {name: a, namespace: shop}
  spec: {schedule: '0 0 * * *', concurrencyPolicy: Allow, suspend: no, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1}
- apiVersion: v1
  kind: Namespace
  metadata: {name: shop}
";
    let converted = converted(text);
    assert_eq!(converted.output, text.replace("batch/v1beta1", "batch/v1"));
    assert_eq!(outcomes(&converted), [(4, Outcome::Converted), (8, Outcome::Unchanged)]);
    assert_eq!(converted.documents[0].name, "a");
}

#[test]
fn json_stays_json() {
    let text = "{\n  \"apiVersion\": \"policy/v1beta1\",\n  \"kind\": \"PodDisruptionBudget\",\n  \"metadata\": {\n    \"name\": \"web\"\n  },\n  \"spec\": {\n    \"minAvailable\": 1,\n    \"selector\": {}\n  }\n}\n";
    let output = converted(text).output;
    let value: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(value["apiVersion"], "policy/v1");
    assert_eq!(value["spec"]["selector"]["matchExpressions"][0]["operator"], "Exists");
    assert!(
        output.starts_with("{\n  \"apiVersion\": \"policy/v1\",\n  \"kind\": \"PodDisruptionBudget\",\n"),
        "{output}"
    );
    let compact = "{\"apiVersion\":\"batch/v1beta1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"schedule\":\"0 0 * * *\"}}";
    let value: Value = serde_json::from_str(&converted(compact).output).unwrap();
    assert_eq!(value["spec"]["suspend"], false);
}

#[test]
fn what_cannot_be_read_says_where_and_spares_the_rest() {
    let text = "\
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
kind: Deployment
apiVersion: {{ .Values.version }}
---
a: 1
 b: 2
---
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: b}
spec: {schedule: '0 0 * * *'}
---
a: 1
a: 2
";
    let converted = converted(text);
    let codes: Vec<Option<&str>> = converted
        .documents
        .iter()
        .map(|document| document.blocked.as_ref().map(|blocked| blocked.reason.code.as_str()))
        .collect();
    assert_eq!(codes, [None, Some("template"), Some("not-yaml"), None, Some("not-yaml")]);
    assert_eq!(converted.documents[1].line, 6);
    assert_eq!(converted.documents[2].line, 9);
    assert_eq!(converted.documents[4].line, 17);
    assert!(converted.output.contains("batch/v1\n"));
    assert!(converted.needs_decision());
}

#[test]
fn removed_kinds_are_blocked_with_what_to_do() {
    let text = "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\nspec: {privileged: true}\n";
    let converted = converted(text);
    assert_eq!(converted.output, text);
    let document = &converted.documents[0];
    assert_eq!(document.outcome, Outcome::Blocked);
    assert!(document.decisions[0].message.contains("privileged"));
    assert!(document.blocked.as_ref().unwrap().hint.contains("pod-security.kubernetes.io"));
}

#[test]
fn definitions_in_the_text_are_known() {
    let text = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  conversion: {strategy: None}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
  - {name: v1beta1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
---
apiVersion: example.com/v1beta1
kind: Widget
metadata: {name: a}
---
apiVersion: example.com/v0
kind: Widget
metadata: {name: b}
---
apiVersion: other.example.com/v0
kind: Gadget
metadata: {name: c}
";
    let converted = converted(text);
    let found: Vec<Outcome> = converted.documents.iter().map(|document| document.outcome).collect();
    assert_eq!(found, [Outcome::Unchanged, Outcome::Converted, Outcome::Blocked, Outcome::Unknown]);
    assert_eq!(converted.documents[2].decisions[0].code, "custom-version");
    assert!(converted.output.contains("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}"));
}

#[test]
fn anchors_are_written_out_where_an_edit_would_change_their_aliases() {
    let text = "\
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: a}
spec:
  backend: &b {serviceName: web, servicePort: 80}
  rules:
  - http:
      paths:
      - path: /
        backend: *b
";
    let output = converted(text).output;
    let read = tree::parse(&output).unwrap().unwrap().to_value();
    assert_eq!(read["spec"]["defaultBackend"], read["spec"]["rules"][0]["http"]["paths"][0]["backend"]);
    assert_eq!(read["spec"]["defaultBackend"]["service"]["port"]["number"], 80);
}

#[test]
fn every_golden_conversion_can_be_written_in_every_notation() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../../tests/fixtures/api-versions-golden.json")).unwrap();
    for case in golden["conversions"].as_array().unwrap() {
        let (input, served) = (&case["input"], &case["served"]);
        for list_indent in [0, 2] {
            let style = write::Style { text: "", newline: "\n", list_indent };
            let block = format!("# head\n---\n{}\n# tail\n", style.block(input, None).join("\n"));
            let flow = style.flow(input);
            for (text, is_json) in [
                (block.replace('\n', "\r\n"), false),
                (block, false),
                (flow, false),
                (input.to_string(), true),
                (style.json(input, None, ""), true),
            ] {
                let root = tree::parse(&text).unwrap().unwrap();
                let rewritten = edit::rewrite(&text, &root, input, served, is_json);
                let Some(rewritten) = rewritten else { panic!("{} cannot be written into\n{text}", case["name"]) };
                assert_eq!(tree::parse(&rewritten).unwrap().unwrap().to_value(), *served);
                assert_eq!(rewritten.contains("# head"), text.contains("# head"));
                assert_eq!(rewritten.contains("# tail"), text.contains("# tail"));
                if is_json {
                    assert_eq!(serde_json::from_str::<Value>(&rewritten).unwrap(), *served);
                }
            }
        }
    }
}

#[test]
fn every_document_is_read_by_itself() {
    let text = "# a\n---\nkind: A\n---\nkind: {{ b }}\n---\nkind: List\nitems: [{kind: C}, {kind: D}]\n";
    let read = read_all(text);
    let kinds = |documents: &[Manifest]| documents.iter().map(|m| m.kind().to_owned()).collect::<Vec<_>>();
    assert_eq!(read.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4, 6]);
    assert_eq!(kinds(read[0].1.as_ref().unwrap()), ["A"]);
    assert!(read[1].1.as_ref().unwrap_err().contains("{{ b }}"));
    assert_eq!(kinds(read[2].1.as_ref().unwrap()), ["C", "D"]);
}

#[test]
fn an_object_without_text_is_converted_and_written() {
    let mut value = serde_json::json!({"apiVersion": "batch/v1beta1", "kind": "CronJob",
        "metadata": {"name": "0644", "annotations": {"on": "yes"}}, "spec": {"schedule": "@daily"}});
    let report = convert_object(&mut value, &target(36), &Options::default());
    assert_eq!((report.outcome, report.name.as_str()), (Outcome::Converted, "0644"));
    let text = to_yaml(&value);
    assert!(text.contains("apiVersion: batch/v1\n"), "{text}");
    assert_eq!(read_one(&text).unwrap().into_value(), value);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Fragments that meet in odd ways.
    fn line() -> impl Strategy<Value = String> {
        let lines = [
            "apiVersion: extensions/v1beta1",
            "apiVersion: batch/v1beta1",
            "kind: Ingress",
            "kind: CronJob",
            "kind: List",
            "metadata:",
            "  name: x",
            "spec:",
            "  backend:",
            "    serviceName: a",
            "    servicePort: 80",
            "---",
            "...",
            "# c",
            "  rules:",
            "  - http:",
            "      paths:",
            "      - backend: {serviceName: a, servicePort: \"80\"}",
            "items:",
            "- apiVersion: batch/v1beta1",
            "  kind: CronJob",
            "  spec: {}",
            "  - ",
            "  a: |",
            "",
            "\t",
            "  b: &x 1",
            "  c: *x",
            "  <<: {a: 1}",
            "? x",
            ": y",
            "{",
            "}",
            "spec: {backend: {serviceName: a, servicePort: 1}}",
            "  x: 'a",
            "spec: null",
        ];
        proptest::sample::select(lines.map(str::to_owned).to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_text_converts_without_panic_and_once(lines in proptest::collection::vec(line(), 0..24), crlf in any::<bool>()) {
            let text = lines.join(if crlf { "\r\n" } else { "\n" });
            let once = converted(&text);
            prop_assert_eq!(once.is_changed(), once.output != text);
            let twice = converted(&once.output);
            prop_assert_eq!(&twice.output, &once.output, "{}", once.output);
        }

        #[test]
        fn any_bytes_are_kept_or_read(text in "\\PC{0,80}") {
            let _ = converted(&text);
        }

        #[test]
        fn strings_survive_every_place(text in "\\PC{0,20}|[a-z:#\\-\\n \"'{}\\[\\],&*!|>%@`0-9.]{0,20}", json in any::<bool>()) {
            let object = serde_json::json!({"apiVersion": "batch/v1beta1", "kind": "CronJob",
                "metadata": {"name": "x", "annotations": {"a": text.clone(), text.clone(): "b"}}, "spec": {"schedule": text}});
            let style = write::Style { text: "", newline: "\n", list_indent: 2 };
            let written = if json { object.to_string() } else { style.block(&object, None).join("\n") };
            let read = tree::parse(&written).unwrap().unwrap().to_value();
            prop_assert_eq!(&read, &object, "{}", written);
            let output = converted(&written).output;
            let read = tree::parse(&output).unwrap().unwrap().to_value();
            prop_assert_eq!(&read["metadata"], &object["metadata"]);
            prop_assert_eq!(&read["apiVersion"], "batch/v1");
        }
    }
}
