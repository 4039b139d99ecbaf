//! The committed counts, `benches/instructions.toml`: what each case cost, and by which tools that was counted.
//!
//! Invariants: counts compare only where compiler, C compiler, target features and valgrind are the recorded ones; the file
//! is written by `scripts/instructions --bless` alone, and read by that script and by the tables of the wall benches.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

/// Counts by case, and tools by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instructions {
    /// `rustc`, `cc`, `features`, `valgrind`.
    pub tools: BTreeMap<String, String>,
    /// Instructions.
    pub counts: BTreeMap<String, f64>,
}

impl Instructions {
    /// Where the file is.
    pub fn path() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml"))
    }

    /// The committed counts; none where there is no file.
    ///
    /// # Errors
    /// A line that is none of the file's two kinds.
    pub fn read() -> Result<Instructions, String> {
        let path = Instructions::path();
        match std::fs::read_to_string(&path) {
            Ok(text) => Instructions::parse(&text).map_err(|e| format!("{}:{e}", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Instructions::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    fn parse(text: &str) -> Result<Instructions, String> {
        let mut parsed = Instructions::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', '[']) {
                continue;
            }
            let fault = || format!("{}: neither `name = \"text\"` nor `name = number`", index + 1);
            let (name, value) = line.split_once(" = ").ok_or_else(fault)?;
            if let Some(text) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
                parsed.tools.insert(name.into(), text.into());
            } else {
                parsed.counts.insert(name.into(), value.parse().map_err(|_| fault())?);
            }
        }
        Ok(parsed)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self) -> io::Result<()> {
        std::fs::write(Instructions::path(), self.text())
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# Instructions under callgrind, per event and lane unless the name says otherwise (see benches/inst_lane.rs).\n\
             # Written by `scripts/instructions --bless`. CI fails beyond +3 %, and asks for this file to be lowered beyond -3 %.\n\n\
             [tools]\n",
        );
        for (name, value) in &self.tools {
            let _ = writeln!(text, "{name} = \"{value}\""); // A string takes everything.
        }
        text.push_str("\n[instructions]\n");
        for (name, count) in &self.counts {
            let _ = writeln!(text, "{name} = {count:.2}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut file = Instructions::default();
        file.tools.insert("rustc".into(), "rustc 1.95.0 (59807616e 2026-04-14)".into());
        file.counts.insert("noop".into(), 50.25);
        assert_eq!(Instructions::parse(&file.text()), Ok(file));
        assert!(Instructions::parse("noop 50").is_err());
        assert!(Instructions::parse("noop = many").is_err());
    }
}
