//! The result directory: whole or not at all.
//!
//! Invariants: files are written into a hidden directory beside the target and appear under their name by one
//! rename, after everything was synced to disk; a run that fails leaves nothing under that name. An existing
//! result is replaced only when asked, and only when it looks like one.

use super::OutputError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A directory that is being filled.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    temp: PathBuf,
    force: bool,
    mark: &'static str,
    is_published: bool,
}

/// What a directory of results holds.
pub const RESULTS_MARK: &str = "summary.json";

impl Staging {
    /// Makes the hidden directory, after checking that the target may be written.
    ///
    /// # Errors
    /// The target is taken, or a directory cannot be made.
    pub fn create(target: &Path, force: bool, attempt: Uuid) -> Result<Self, OutputError> {
        Staging::marked(target, force, attempt, RESULTS_MARK)
    }

    /// The same for a directory of another kind, known by a file of the name `mark`.
    ///
    /// # Errors
    /// As [`Staging::create`].
    pub fn marked(
        target: &Path,
        force: bool,
        attempt: Uuid,
        mark: &'static str,
    ) -> Result<Self, OutputError> {
        check_target_of(target, force, mark)?;
        let target = std::path::absolute(target).map_err(|e| OutputError::io(target, e))?;
        let temp = beside(&target, attempt, "partial")?;
        fs::create_dir_all(&temp).map_err(|e| OutputError::io(&temp, e))?;
        Ok(Staging { target, temp, force, mark, is_published: false })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.temp
    }

    /// Where the files will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes a small file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), OutputError> {
        let path = self.temp.join(name);
        fs::write(&path, text).map_err(|e| OutputError::io(&path, e))
    }

    /// Syncs everything and gives it its name.
    ///
    /// # Errors
    /// The disk or the file system refuses; nothing appears then.
    pub fn publish(mut self, attempt: Uuid) -> Result<PathBuf, OutputError> {
        sync(&self.temp).map_err(|e| OutputError::io(&self.temp, e))?;
        check_target_of(&self.target, self.force, self.mark)?;
        let old = beside(&self.target, attempt, "old")?;
        let is_there = self.target.exists();
        if is_there {
            fs::rename(&self.target, &old).map_err(|e| OutputError::io(&self.target, e))?;
        }
        if let Err(error) = fs::rename(&self.temp, &self.target) {
            if is_there {
                // The old result goes back under its name; should that fail too, it stays beside it.
                let _ = fs::rename(&old, &self.target);
            }
            return Err(OutputError::io(&self.target, error));
        }
        self.is_published = true;
        if is_there {
            // The new result stands; what is left of the old one is only litter.
            let _ = fs::remove_dir_all(&old);
        }
        Ok(self.target.clone())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_published {
            // Nothing more can be done about a directory that does not go away.
            let _ = fs::remove_dir_all(&self.temp);
        }
    }
}

fn beside(target: &Path, attempt: Uuid, end: &str) -> Result<PathBuf, OutputError> {
    let Some(name) = target.file_name() else {
        return Err(OutputError::Taken {
            path: target.into(),
            why: "is not a directory of its own",
        });
    };
    Ok(target.with_file_name(format!(".{}.{attempt}.{end}", name.to_string_lossy())))
}

/// Whether results may go to `target`.
///
/// # Errors
/// It is not a directory, or holds something and `force` is not given, or does not look like a result.
pub fn check_target(target: &Path, force: bool) -> Result<(), OutputError> {
    check_target_of(target, force, RESULTS_MARK)
}

fn check_target_of(target: &Path, force: bool, mark: &'static str) -> Result<(), OutputError> {
    let taken = |why| Err(OutputError::Taken { path: target.into(), why });
    let entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory && target.exists() => {
            return taken("is a file, not a directory");
        }
        Err(error) => return Err(OutputError::io(target, error)),
    };
    if entries.count() == 0 {
        return Ok(());
    }
    if !force {
        return taken("is not empty; --force replaces it, --out names another place");
    }
    if !target.join(mark).is_file() {
        return taken(
            "holds something else than what is written there, and --force replaces only that",
        );
    }
    Ok(())
}

fn sync(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            fs::File::open(path)?.sync_all()?;
        }
    }
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("bt-host-{name}-{}", Uuid::now_v7()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn results_appear_whole_or_not_at_all() {
        let base = scratch("whole");
        let target = base.join("run");
        let attempt = Uuid::now_v7();
        let staging = Staging::create(&target, false, attempt).unwrap();
        staging.write("summary.json", "{}").unwrap();
        assert!(!target.exists());
        drop(staging);
        assert!(names(&base).is_empty(), "a dropped run leaves nothing");
        let staging = Staging::create(&target, false, attempt).unwrap();
        staging.write("summary.json", "{}").unwrap();
        staging.publish(attempt).unwrap();
        assert_eq!(names(&base), ["run"]);
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_result_is_replaced_only_when_asked_and_nothing_else_ever() {
        let base = scratch("force");
        let target = base.join("run");
        let attempt = Uuid::now_v7();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("precious.txt"), "x").unwrap();
        let plain = Staging::create(&target, false, attempt).unwrap_err().to_string();
        assert!(plain.contains("--force"), "{plain}");
        let forced = Staging::create(&target, true, attempt).unwrap_err().to_string();
        assert!(forced.contains("something else"), "{forced}");
        fs::write(target.join("summary.json"), "{}").unwrap();
        let staging = Staging::create(&target, true, attempt).unwrap();
        staging.write("summary.json", "{\"new\":1}").unwrap();
        staging.publish(attempt).unwrap();
        assert_eq!(names(&target), ["summary.json"]);
        assert_eq!(names(&base), ["run"]);
        fs::remove_dir_all(base).unwrap();
    }
}
