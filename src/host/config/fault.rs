//! What is wrong with a config: every fault of a load, with file, line, column and a way out.
//!
//! Invariants: faults are listed in the order of the files, then of the command line; a secret never stands in
//! a message, and a source line that holds one is shown with the value struck out.

use super::tree::Place;
use std::fmt;

/// One text that was read: the config, or a file that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Name to show, as the user wrote it.
    pub name: String,
    /// The text.
    pub text: String,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where; `None` where the file itself could not be read.
    pub place: Option<Place>,
    /// The key's path, such as `instruments[0].tick`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty where the message says it.
    pub help: String,
    /// Whether the config may be right, and a server that it names did not answer.
    pub is_of_service: bool,
}

/// All faults of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Texts that places point into.
    pub sources: Vec<SourceText>,
    /// The `--set` words, that places point into.
    pub sets: Vec<String>,
    /// The faults, at least one.
    pub list: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            self.show(f, fault)?;
        }
        let name = self.sources.first().map_or("the config", |source| source.name.as_str());
        let (count, plural) = (self.list.len(), if self.list.len() == 1 { "" } else { "s" });
        write!(f, "{count} fault{plural} in {name}")
    }
}

impl Faults {
    /// The place of a fault as one word: `file:line:column` or `--set a.b=1`.
    pub fn place_text(&self, fault: &Fault) -> String {
        match fault.place {
            Some(Place::File { source, line, column, .. }) => {
                format!("{}:{line}:{column}", self.name(source))
            }
            Some(Place::Set { index }) => match self.sets.get(index) {
                Some(word) if is_secret(word) => "--set (a secret)".into(),
                Some(word) => format!("--set {word}"),
                None => "--set".into(),
            },
            None => self.name(0).into(),
        }
    }

    fn name(&self, source: usize) -> &str {
        self.sources.get(source).map_or("config", |s| s.name.as_str())
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
        let colon = if fault.path.is_empty() { "" } else { ": " };
        writeln!(f, "error: {}{colon}{}", fault.path, fault.message)?;
        writeln!(f, "  --> {}", self.place_text(fault))?;
        if let Some(Place::File { source, line, column, len }) = fault.place {
            let text = self.sources.get(source).map_or("", |s| s.text.as_str());
            if let Some(shown) = text.lines().nth(line as usize - 1) {
                let margin = " ".repeat(line.to_string().len());
                let before = column as usize - 1;
                let room = shown.chars().count().saturating_sub(before).max(1);
                let marks = "^".repeat((len as usize).clamp(1, room));
                let pad: String = shown
                    .chars()
                    .take(before)
                    .map(|c| if c == '\t' { '\t' } else { ' ' })
                    .collect();
                writeln!(f, "{margin} |")?;
                writeln!(f, "{line} | {}", strike(shown))?;
                writeln!(f, "{margin} | {pad}{marks}")?;
            }
        }
        if !fault.help.is_empty() {
            writeln!(f, "  help: {}", fault.help)?;
        }
        writeln!(f)
    }
}

/// Whether a line or `--set` word holds a secret in clear.
fn is_secret(line: &str) -> bool {
    secret_end(line).is_some()
}

/// Where the value of a secret begins.
fn secret_end(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    SECRET_KEYS.iter().find_map(|key| {
        let end = lower.find(key)? + key.len();
        let rest = lower[end..].trim_start_matches(['"', '\'', ' ']);
        let value_at = lower.len() - rest.len();
        rest.starts_with([':', '=']).then_some(value_at + 1)
    })
}

/// Keys that must never hold a value in a config.
pub const SECRET_KEYS: [&str; 5] = ["password", "passwd", "secret", "token", "api_key"];

/// A source line without the value of a secret, and without a password inside an address.
fn strike(line: &str) -> String {
    let line = match (line.find("://"), line.find('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}://***{}", &line[..scheme], &line[at..])
        }
        _ => line.to_owned(),
    };
    match secret_end(&line) {
        Some(at) => format!("{} ***", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_struck_out() {
        assert_eq!(strike("  password: hunter2"), "  password: ***");
        assert_eq!(strike("{ \"password\" : \"x\" }"), "{ \"password\" : ***");
        assert_eq!(strike("  password_env: CH_PASSWORD"), "  password_env: CH_PASSWORD");
        assert_eq!(strike("url: http://u:p@host:1"), "url: http://***@host:1");
    }
}
