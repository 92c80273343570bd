//! Resource addresses: where they may be cut.
//!
//! `module.n["a.b"].x.y[0]` has dots and brackets inside quotes, so nothing here splits on characters alone. What an
//! address means (module, type, name) is told by the tool beside it and is not parsed out of the text.

/// The pieces of an address: names, and index keys with their brackets. `None` when brackets or quotes do not close.
pub fn pieces(address: &str) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut in_brackets = false;
    let mut in_quotes = false;
    let mut escaped = false;
    for (at, c) in address.char_indices() {
        if in_quotes {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_quotes = false,
                _ => {}
            }
            continue;
        }
        match (c, in_brackets) {
            ('"', true) => in_quotes = true,
            ('"', false) | ('[', true) | (']', false) => return None,
            (']', true) => {
                in_brackets = false;
                pieces.push(&address[start..=at]);
                start = at + 1;
            }
            ('[', false) => {
                if start < at {
                    pieces.push(&address[start..at]);
                }
                start = at;
                in_brackets = true;
            }
            ('.', false) => {
                if start < at {
                    pieces.push(&address[start..at]);
                } else if !address[..at].ends_with(']') {
                    return None;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    if in_brackets || in_quotes {
        return None;
    }
    if start < address.len() {
        pieces.push(&address[start..]);
    } else if address.is_empty() || address.ends_with('.') {
        return None;
    }
    Some(pieces)
}

/// Whether `rule` names `address` or something above it: `module.db` covers `module.db["a"].aws_db_instance.this[0]`,
/// `*` covers everything. A rule that is no address covers nothing.
pub fn covers(rule: &str, address: &str) -> bool {
    if rule == "*" || rule == address {
        return true;
    }
    match (pieces(rule), pieces(address)) {
        (Some(rule), Some(address)) => {
            // `module` or `module.a.aws_x` alone name nothing: what follows would be a name, not something below.
            address.starts_with(&rule) && names_something(&rule)
        }
        _ => false,
    }
}

/// A Terraform string literal: quotes, and nothing in it that a template could start with.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether pieces end where a module or a resource is fully named.
fn names_something(pieces: &[&str]) -> bool {
    let mut rest = pieces;
    loop {
        rest = match rest {
            ["module", _, key, tail @ ..] if key.starts_with('[') => tail,
            ["module", _, tail @ ..] => tail,
            ["data", _, _] | [_, _] => return true,
            ["data", _, _, key] | [_, _, key] => return key.starts_with('['),
            [] => return !pieces.is_empty(),
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_keys_are_not_cut() {
        assert_eq!(
            pieces(r#"module.n["a.b[\"].c"].x.y[0]"#).unwrap(),
            ["module", "n", r#"["a.b[\"].c"]"#, "x", "y", "[0]"]
        );
        for bad in ["", ".", "a.", "a..b", "a[0", "a[\"x]", "a]0[", "a\"b"] {
            assert_eq!(pieces(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_rule_covers_what_is_below_it() {
        let address = r#"module.db["a.b"].aws_db_instance.this[0]"#;
        for rule in ["*", address, "module.db", r#"module.db["a.b"]"#, r#"module.db["a.b"].aws_db_instance.this"#] {
            assert!(covers(rule, address), "{rule}");
        }
        for rule in
            ["", "module", "module.d", r#"module.db["a"#, r#"module.db["a"]"#, r#"module.db["a.b"].aws_db_instance"#]
        {
            assert!(!covers(rule, address), "{rule}");
        }
        assert!(!covers("aws_s3_bucket.log", "aws_s3_bucket.logs"));
        assert!(covers("aws_s3_bucket.logs", "aws_s3_bucket.logs[\"x\"]"));
    }

    #[test]
    fn quoting_starts_no_template() {
        assert_eq!(quote("a\"b\\${x}%{y}$z\n"), r#""a\"b\\$${x}%%{y}$z\n""#);
    }
}
