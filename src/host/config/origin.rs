//! Where a config came from: all that it takes to read it again, so that a run can be made again from its results.
//!
//! Invariants: the text is the file's, byte for byte; paths are absolute; no secret is in it, since a config holds none.
//! Nothing here is part of the effective config, which says by itself whether what was read again is the same.

use super::LoadOptions;
use super::fault::SourceText;
use serde_json::{Value, json};
use std::path::{Path, PathBuf, absolute};

/// Name of the config's copy among the results.
pub const FILE: &str = "config.yaml";

/// A config as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Text of the config's file.
    pub text: String,
    /// Where its relative paths begin.
    pub base: PathBuf,
    /// `--set`, in order.
    pub sets: Vec<String>,
    /// `--strategy`.
    pub strategy: Option<PathBuf>,
    /// Files that it names and that were read as part of it.
    pub files: Vec<NamedFile>,
}

/// A file that a config names: instruments, a latency profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Path.
    pub path: PathBuf,
    /// BLAKE3 of its bytes, hexadecimal.
    pub blake3: String,
}

impl Origin {
    /// The origin of a config that was read from `text`, with what the command line added and the files it named.
    pub fn new(text: &str, base: &Path, options: &LoadOptions, files: &[SourceText]) -> Self {
        let whole = |path: &Path| absolute(path).unwrap_or_else(|_| path.into());
        let named = |file: &SourceText| NamedFile {
            path: whole(Path::new(&file.name)),
            blake3: blake3::hash(file.text.as_bytes()).to_hex().to_string(),
        };
        // The empty path stands for the working directory, and has no absolute form of its own.
        let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
        Origin {
            text: text.into(),
            base: whole(base),
            sets: options.sets.clone(),
            strategy: options.strategy.as_deref().map(whole),
            files: files.iter().map(named).collect(),
        }
    }

    /// Everything but the text, for `invocation.json`.
    pub fn document(&self) -> Value {
        let file = |file: &NamedFile| json!({ "path": file.path.display().to_string(), "blake3": file.blake3 });
        json!({
            "file": FILE,
            "base_dir": self.base.display().to_string(),
            "set": self.sets,
            "strategy": self.strategy.as_ref().map(|path| path.display().to_string()),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
        })
    }

    /// Reads back what [`Origin::document`] wrote; `None` where it is not such a document.
    pub fn read(document: &Value, text: String) -> Option<Self> {
        let words = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|word| word.as_str().map(Into::into)).collect()
        };
        let file = |value: &Value| {
            Some(NamedFile {
                path: value["path"].as_str()?.into(),
                blake3: value["blake3"].as_str()?.into(),
            })
        };
        Some(Origin {
            text,
            base: document["base_dir"].as_str()?.into(),
            sets: words(&document["set"])?,
            strategy: document["strategy"].as_str().map(Into::into),
            files: document["files"].as_array()?.iter().map(file).collect::<Option<_>>()?,
        })
    }

    /// Files that are not as they were, or not there.
    pub fn files_changed(&self) -> Vec<&Path> {
        let is_same = |file: &&NamedFile| {
            std::fs::read(&file.path)
                .is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == file.blake3)
        };
        self.files.iter().filter(|file| !is_same(file)).map(|file| file.path.as_path()).collect()
    }
}
