use super::*;

fn error(summary: &str, detail: &str) -> Diagnostic {
    Diagnostic { severity: "error".into(), summary: summary.into(), detail: detail.into(), address: None }
}

const LOCAL: &str = "Error message: resource temporarily unavailable\nLock Info:\n  ID:        f2bc291f\n  \
    Path:      terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       root@vm\n  Version:   1.11.4\n  \
    Created:   2026-11-21 09:55:02.096869528 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock";

#[test]
fn the_holder_of_a_lock_is_read() {
    let Class::Locked(lock) = classify(&[error("Error acquiring the state lock", LOCAL)]) else { panic!() };
    assert_eq!((lock.id.as_str(), lock.who.as_str(), lock.only_id), ("f2bc291f", "root@vm", false));
    assert_eq!(lock.created, "2026-11-21 09:55:02.096869528 +0000 UTC");
}

#[test]
fn the_http_backend_describes_the_asker_not_the_holder() {
    let detail = LOCAL.replace("resource temporarily unavailable", "HTTP remote state already locked: ID=5d21edc0");
    let Class::Locked(lock) = classify(&[error("Error acquiring the state lock", &detail)]) else { panic!() };
    assert_eq!(lock, LockInfo { id: "5d21edc0".into(), only_id: true, ..Default::default() });
}

#[test]
fn a_lock_error_is_not_always_a_lock() {
    let format = "Error message: Unsupported state file format: The state file uses format version 5, which is not";
    assert_eq!(classify(&[error("Error acquiring the state lock", format)]), Class::StateFormat);
    let refused = "Error message: dial tcp 127.0.0.1:1: connect: connection refused";
    assert_eq!(classify(&[error("Error acquiring the state lock", refused)]), Class::Other);
}

#[test]
fn losing_the_state_outranks_what_led_to_it() {
    let both = [error("local-exec provisioner error", ""), error("Failed to save state", "giving up")];
    assert_eq!(classify(&both), Class::StateNotSaved);
    let warning = Diagnostic { severity: "warning".into(), ..error("Failed to save state", "") };
    assert_eq!(classify(&[warning]), Class::Other);
}

#[test]
fn the_common_ones_are_known() {
    for (summary, class) in [
        ("Backend initialization required, please run \"terraform init\"", Class::NotInitialised),
        ("Backend initialization required: please run \"tofu init\"", Class::NotInitialised),
        ("Module not installed", Class::NotInitialised),
        ("Backend configuration changed", Class::BackendChanged),
        ("Saved plan is stale", Class::StalePlan),
        ("Failed to load \"bad\" as a plan file", Class::BadPlan),
        ("No value for required variable", Class::MissingVariable),
        ("Plugin did not respond", Class::ProviderCrash),
        ("creating EC2 VPC", Class::Other),
    ] {
        assert_eq!(classify(&[error(summary, "")]), class, "{summary}");
    }
}

#[test]
fn framed_text_becomes_diagnostics() {
    let text = "\u{1b}[31m╷\u{1b}[0m\n│ Warning: Old\n│ \n│ It is old.\n╵\n╷\n│ Error: Failed to do\n│ the thing\n│ \n\
        │   on main.tf line 1:\n│ Because.\n╵\n";
    let found = from_text(text);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].severity.as_str(), found[0].detail.as_str()), ("warning", "It is old."));
    assert_eq!(found[1].summary, "Failed to do the thing");
    assert_eq!(found[1].detail, "on main.tf line 1:\nBecause.");
}

#[test]
fn a_bare_sentence_is_an_error_even_after_a_warning() {
    assert_eq!(from_text("\u{1b}[31mworkspaces not supported\u{1b}[0m")[0].summary, "workspaces not supported");
    let found = from_text("╷\n│ Warning: Old\n│ \n│ It is old.\n╵\n\nworkspaces not supported\n");
    assert_eq!(found.last().unwrap().summary, "workspaces not supported");
    assert!(from_text("").is_empty());
}
