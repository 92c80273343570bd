//! Where to look for objects in a target: in the whole cluster at once, or in one namespace after another.
//!
//! A list of a whole cluster is one request, and brings everything that others keep there too.

use std::collections::BTreeSet;

/// Namespaces of which each is worth a request of its own, however little is looked for.
const FEW: usize = 3;
/// One more request costs about as much as so many objects in a list.
const WORTH_A_REQUEST: usize = 100;

/// The scopes to list to find `objects` objects of one kind that lie in these namespaces; `None` is the whole cluster.
/// Objects without a namespace are looked for in the whole cluster.
pub fn scopes(objects: usize, namespaces: &BTreeSet<Option<String>>) -> Vec<Option<String>> {
    let many = namespaces.len() > FEW && objects < namespaces.len().saturating_mul(WORTH_A_REQUEST);
    match many || namespaces.contains(&None) {
        true => vec![None],
        false => namespaces.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> BTreeSet<Option<String>> {
        (0..count).map(|number| Some(format!("n-{number}"))).collect()
    }

    #[test]
    fn few_namespaces_and_full_ones_are_listed_each() {
        assert_eq!(scopes(1, &names(3)).len(), 3);
        assert_eq!(scopes(10_000, &names(50)).len(), 50);
        assert_eq!(scopes(4_999, &names(50)), [None]);
        assert_eq!(scopes(399, &names(4)), [None]);
        assert_eq!(scopes(400, &names(4)).len(), 4);
    }

    #[test]
    fn nothing_is_listed_where_nothing_can_be() {
        assert_eq!(scopes(10, &names(0)), [None; 0]);
    }

    #[test]
    fn kinds_without_namespaces_are_listed_at_once() {
        assert_eq!(scopes(10_000, &BTreeSet::from([None])), [None]);
        assert_eq!(scopes(10_000, &BTreeSet::from([None, Some("odd".to_owned())])), [None]);
    }
}
