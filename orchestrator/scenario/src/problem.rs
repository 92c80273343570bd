//! What is wrong with a scenario file, and where; every problem at once, not the first one only.
//!
//! Problems are about text that a person wrote, so each has a place and, where one is known, a way out.
//! Errors of a running drill are elsewhere.

use std::fmt;

/// A position in the file, both counted from 1. Line 0 means that the place is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub place: Place,
    /// A lowercase fragment: `unknown key "stakc"`.
    pub message: String,
    /// What to do about it: `did you mean "stack"?`.
    pub hint: Option<String>,
}

/// All that is wrong with one file, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problem {
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean", when one of the words is close to what was written, and otherwise the list of words.
    #[must_use]
    pub fn suggest<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(written, &known) {
            Some(word) => self.hint(format!("did you mean \"{word}\"?")),
            None if known.is_empty() => self,
            None if known.len() <= 30 => self.hint(format!("known here: {}", known.join(", "))),
            None => self,
        }
    }
}

impl Problems {
    /// `None` when the list is empty: nothing is wrong.
    pub fn of(mut list: Vec<Problem>) -> Option<Self> {
        list.sort();
        list.dedup();
        (!list.is_empty()).then_some(Self { list })
    }

    pub fn one(problem: Problem) -> Self {
        Self { list: vec![problem] }
    }

    pub fn list(&self) -> &[Problem] {
        &self.list
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.line > 0 {
            write!(f, "{}:{}: ", self.place.line, self.place.column)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// One problem a line.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// The known word nearest to the written one, when it is near enough to be a slip of the finger.
pub fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written: Vec<char> = written.chars().take(64).flat_map(char::to_lowercase).collect();
    let limit = (written.len() / 3).max(1);
    known
        .iter()
        .map(|word| (distance(&written, &word.to_lowercase().chars().take(64).collect::<Vec<_>>()), *word))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, word)| word)
}

/// Edits between two words; two letters swapped count as one edit.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["stack", "vars", "workspace"];
        assert_eq!(nearest("stakc", &known), Some("stack"));
        assert_eq!(nearest("Workspce", &known), Some("workspace"));
        assert_eq!(nearest("cluster", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[test]
    fn problems_print_in_the_order_of_the_file() {
        let at = |line, column| Place { line, column };
        let problems = Problems::of(vec![
            Problem::new(at(9, 1), "unknown key \"x\"").hint("remove it"),
            Problem::new(at(2, 5), "expected a number"),
        ])
        .unwrap();
        assert_eq!(problems.to_string(), "2:5: expected a number\n9:1: unknown key \"x\"; remove it");
        assert_eq!(Problems::of(vec![]), None);
    }
}
