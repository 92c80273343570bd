use super::*;

#[test]
fn every_kind_has_its_own_name_and_a_documented_schema() {
    let names: std::collections::BTreeSet<&str> = Uses::ALL.iter().map(|uses| uses.name()).collect();
    assert_eq!(names.len(), Uses::ALL.len());
    for uses in Uses::ALL {
        assert_eq!(Uses::parse(uses.name()), Some(*uses));
        let parameters = uses.parameters();
        assert!(parameters["description"].as_str().is_some_and(|text| text.len() > 20), "{}", uses.name());
        assert_eq!(parameters["additionalProperties"], false, "{} accepts unknown keys", uses.name());
        assert!(uses.outputs()["properties"].as_object().is_some_and(|map| !map.is_empty()), "{}", uses.name());
    }
}
