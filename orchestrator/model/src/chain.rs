//! The one printer of error chains.
//!
//! Some libraries print their source inside their own text and expose it too, others hide it; this walks the chain
//! and leaves out a link that its parent has already said.

use std::error::Error;

/// The error and its causes, joined by `: `, nothing said twice.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut out = error.to_string();
    let mut said = out.clone();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !text.is_empty() && !said.contains(&text) {
            if !out.is_empty() {
                out.push_str(": ");
            }
            out.push_str(&text);
            said = text;
        }
        next = source.source();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: String,
        #[source]
        source: Option<Box<Link>>,
    }

    fn link(texts: &[&str]) -> Link {
        let (first, rest) = texts.split_first().unwrap();
        Link { text: (*first).into(), source: (!rest.is_empty()).then(|| Box::new(link(rest))) }
    }

    #[test]
    fn each_link_is_said_once() {
        assert_eq!(
            chain(&link(&["failed to list pods", "connection refused"])),
            "failed to list pods: connection refused"
        );
        assert_eq!(chain(&link(&["a: b", "b", "c"])), "a: b: c");
        assert_eq!(chain(&link(&["service error", "Denied: no", "no"])), "service error: Denied: no");
    }
}
