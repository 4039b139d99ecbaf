//! Finds the files that a pattern names. `*` and `?` stand for characters within one step of a path.
//!
//! Invariants: the answer is sorted by name and holds files only; a pattern that matches nothing gives an
//! empty list, not an error.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Whether a word holds a wildcard.
pub fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?'])
}

/// Files that match a pattern, relative patterns from `base`.
///
/// # Errors
/// A directory on the way cannot be read.
pub fn expand(base: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::from(base)];
    for step in Path::new(pattern).components() {
        let name = step.as_os_str().to_string_lossy();
        let wild = matches!(step, Component::Normal(_)) && is_pattern(&name);
        let mut next = Vec::new();
        for at in found {
            if !wild {
                next.push(at.join(step));
                continue;
            }
            if !at.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(&at)? {
                let entry = entry?.file_name();
                if is_match(&name, &entry.to_string_lossy()) {
                    next.push(at.join(entry));
                }
            }
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern of `*` and `?`.
fn is_match(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::is_match;

    #[test]
    fn wildcards_match_within_a_name() {
        assert!(is_match("txf*.parquet", "txfd6_2026-04-08.parquet"));
        assert!(is_match("*_0?.p", "a_01.p"));
        assert!(!is_match("*.parquet", "a.parquet.tmp"));
        assert!(!is_match("a?", "a"));
    }
}
