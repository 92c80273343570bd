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
