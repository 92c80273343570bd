use super::*;
use serde_json::json;

mod golden;
mod hand_picked;
mod properties;

/// Runs a conversion that must work.
fn converted(input: Value, to: &str, options: &Options) -> (Value, Conversion) {
    let mut manifest = Manifest::from_value(input).unwrap();
    let to = Gvk::from_api_version(to, manifest.kind());
    let conversion = convert(&mut manifest, &to, options).unwrap();
    (manifest.into_value(), conversion)
}

fn refused(input: Value, to: &str, options: &Options) -> CannotConvert {
    let mut manifest = Manifest::from_value(input.clone()).unwrap();
    let to = Gvk::from_api_version(to, manifest.kind());
    let error = convert(&mut manifest, &to, options).unwrap_err();
    assert_eq!(manifest.into_value(), input, "a refused object is as it was");
    error
}
