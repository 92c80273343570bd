//! Import blocks for what was created and is in no state.
//!
//! For most resources the id that the event stream tells is what an import wants. A table names those that want
//! something else, cannot be imported, or are not worth it.

use crate::address::quote;
use crate::record::Made;

/// Whether and how a resource comes back into a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importable {
    ById,
    /// Not by this id; why, and what to do.
    No(&'static str),
}

pub fn importable(made: &Made) -> Importable {
    if made.id_value.is_empty() || made.id_key.is_empty() {
        return Importable::No("its id is not known; look for it by its tags");
    }
    if !is_plain(&made.address) {
        return Importable::No("its address cannot be written into a configuration");
    }
    let cheap = "it is an association that the next apply makes again";
    let nothing = "it exists in the state only; the next apply makes a new one";
    match made.kind.as_str() {
        "aws_iam_role_policy_attachment" => {
            Importable::No("it wants role/policy-arn; the next apply attaches it again")
        }
        "aws_iam_user_policy_attachment" | "aws_iam_group_policy_attachment" | "aws_iam_policy_attachment" => {
            Importable::No("it wants name/policy-arn; the next apply attaches it again")
        }
        "aws_route" => Importable::No("it wants route-table_destination; import it by hand, or delete it first"),
        "aws_route_table_association" => Importable::No("it wants subnet/route-table; import it by hand"),
        "aws_security_group_rule" => Importable::No("it wants a composed id; import it by hand, or delete it first"),
        "aws_main_route_table_association" | "aws_lb_target_group_attachment" | "aws_volume_attachment" => {
            Importable::No(cheap)
        }
        "aws_iam_access_key" => Importable::No("its secret is lost; delete it, the next apply makes a new one"),
        "null_resource"
        | "local_file"
        | "local_sensitive_file"
        | "random_password"
        | "tls_private_key"
        | "tls_self_signed_cert"
        | "tls_cert_request"
        | "tls_locally_signed_cert" => Importable::No(nothing),
        kind if kind.starts_with("time_") => Importable::No(nothing),
        _ => Importable::ById,
    }
}

/// `import` blocks for those that can be imported by their id; empty when there are none.
pub fn blocks<'a>(lost: impl IntoIterator<Item = &'a Made>) -> String {
    let mut text = String::new();
    for made in lost.into_iter().filter(|made| importable(made) == Importable::ById) {
        text.push_str(&format!("import {{\n  to = {}\n  id = {}\n}}\n\n", made.address, quote(&made.id_value)));
    }
    text
}

/// Whether an address can stand in a configuration as it is: names outside quotes, no line breaks inside.
fn is_plain(address: &str) -> bool {
    let pieces = crate::address::pieces(address).unwrap_or_default();
    let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let fits = |piece: &&str| match piece.strip_prefix('[').and_then(|key| key.strip_suffix(']')) {
        Some(key) if key.starts_with('"') => !key.contains(char::is_control),
        Some(key) => !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit()),
        None => piece.chars().all(name),
    };
    !pieces.is_empty() && pieces.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kind: &str, address: &str, id: &str) -> Made {
        Made {
            address: address.into(),
            kind: kind.into(),
            provider: String::new(),
            action: "create".into(),
            id_key: "id".into(),
            id_value: id.into(),
        }
    }

    #[test]
    fn only_what_an_id_finds_is_imported() {
        let lost = [
            made("aws_vpc", "module.n[\"a.b\"].aws_vpc.x", "vpc-1"),
            made("aws_route", "aws_route.x", "r-1"),
            made("aws_s3_bucket", "aws_s3_bucket.x[0]", "${evil}\""),
            made("aws_vpc", "aws_vpc.unknown", ""),
            made("aws_vpc", "aws_vpc.x\n}\nresource", "vpc-2"),
            made("aws_vpc", "aws_vpc.x[\"\n\"]", "vpc-3"),
        ];
        assert_eq!(
            blocks(&lost),
            "import {\n  to = module.n[\"a.b\"].aws_vpc.x\n  id = \"vpc-1\"\n}\n\n\
             import {\n  to = aws_s3_bucket.x[0]\n  id = \"$${evil}\\\"\"\n}\n\n"
        );
    }
}
