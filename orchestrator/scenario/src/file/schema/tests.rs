use super::*;

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, part) in map {
                match part {
                    Value::String(text) if key == "$ref" => found.push(text.clone()),
                    other => references(other, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|part| references(part, found)),
        _ => {}
    }
}

#[test]
fn the_schema_is_whole_and_knows_every_kind() {
    let schema = schema();
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    for uses in Uses::ALL {
        let step = &schema["$defs"][format!("step-{}", uses.name().replace('.', "-"))];
        assert_eq!(step["properties"]["uses"]["const"], uses.name());
    }
    // What is filled in is not required, and what is no string may be a reference.
    let restore = &schema["$defs"]["restore-run"];
    assert_eq!(restore["required"], json!(["backup"]));
    assert_eq!(restore["properties"]["tolerate"]["anyOf"][1]["type"], "string");
    assert_eq!(restore["properties"]["backup"]["type"], "string");
}
