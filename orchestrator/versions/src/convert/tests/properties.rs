//! Any JSON whatever: no panic, the same result twice, changes that lead back.

use super::*;
use proptest::prelude::*;

/// The names of fields that converters look at, so that odd values meet them.
const NAMES: [&str; 46] = [
    "spec",
    "status",
    "metadata",
    "annotations",
    "labels",
    "template",
    "selector",
    "matchLabels",
    "matchExpressions",
    "rules",
    "http",
    "paths",
    "backend",
    "defaultBackend",
    "serviceName",
    "servicePort",
    "service",
    "port",
    "metrics",
    "resource",
    "external",
    "object",
    "target",
    "behavior",
    "scaleUp",
    "versions",
    "schema",
    "openAPIV3Schema",
    "validation",
    "properties",
    "items",
    "anyOf",
    "webhooks",
    "clientConfig",
    "subjects",
    "endpoints",
    "topology",
    "limited",
    "queuing",
    "devices",
    "requests",
    "exactly",
    "volumeClaimTemplates",
    "strategy",
    "conversion",
    "name",
];

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(vec!["", "80", "x", "Webhook", "RollingUpdate", "{}", "[]", "None"])
            .prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(proptest::sample::select(NAMES.map(str::to_owned).to_vec()), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn forms() -> impl Strategy<Value = (Gvk, Gvk)> {
    let pairs: Vec<(Gvk, Gvk)> = FAMILIES
        .iter()
        .flat_map(|family| {
            family.forms.iter().flat_map(|from| family.forms.iter().map(move |to| (from.gvk(), to.gvk())))
        })
        .collect();
    proptest::sample::select(pairs)
}

fn object(gvk: &Gvk, fields: Value) -> Manifest {
    let mut map = fields.as_object().cloned().unwrap_or_default();
    map.insert("apiVersion".into(), gvk.api_version().into());
    map.insert("kind".into(), gvk.kind.clone().into());
    Manifest::from_map(map)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_object_converts_once_or_is_as_it_was((from, to) in forms(), fields in json_value(), spec in json_value()) {
        let mut fields = fields;
        if let Some(map) = fields.as_object_mut() {
            map.insert("spec".into(), spec);
        }
        for options in [Options::default(), Options::upstream()] {
            let mut manifest = object(&from, fields.clone());
            let before = manifest.clone();
            match convert(&mut manifest, &to, &options) {
                Err(_) => prop_assert!(manifest == before),
                Ok(conversion) => {
                    prop_assert_eq!(manifest.gvk(), to.clone());
                    let once = manifest.clone();
                    let again = convert(&mut manifest, &to, &options);
                    prop_assert!(again.is_ok(), "{:?}", again);
                    prop_assert!(manifest == once, "once {:?}\ntwice {:?}", once.as_map(), manifest.as_map());
                    undo(&mut manifest, again.unwrap().changes);
                    undo(&mut manifest, conversion.changes);
                    prop_assert!(manifest == before, "{:?}\n{:?}", manifest.as_map(), before.as_map());
                }
            }
        }
    }

    #[test]
    fn any_object_upgrades_once((gvk, _) in forms(), fields in json_value(), minor in 10u32..40) {
        let mut manifest = object(&gvk, fields);
        let before = manifest.clone();
        let release = model::KubernetesVersion::new(1, minor);
        match crate::upgrade(&mut manifest, release, &Options::default()) {
            Err(_) => prop_assert!(manifest == before),
            Ok(_) => {
                let once = manifest.clone();
                prop_assert!(crate::upgrade(&mut manifest, release, &Options::default()).is_ok());
                prop_assert!(manifest == once);
            }
        }
    }
}
