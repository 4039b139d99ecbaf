//! The sweep's directory: one process at a time, files whole or not at all, nothing of anybody else's touched.
//!
//! Invariants: a leaderboard stands only beside the members that it was made of; what a start that died has left hidden
//! is cleared by the next one, and nothing else is ever removed.

use super::plan::Ground;
use super::spec::SweepSpec;
use crate::output::OutputError;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::Path;

/// Names of the files that say what the members came to.
pub const LEADERBOARD_FILES: [&str; 2] = ["leaderboard.json", "leaderboard.csv"];

/// Takes the sweep's directory for this process.
pub fn take(dir: &Path) -> Result<File, OutputError> {
    let taken = |why| OutputError::Taken { path: dir.into(), why };
    let io = |error| OutputError::io(dir, error);
    if dir.exists() && !dir.is_dir() {
        return Err(taken("is a file, not a directory"));
    }
    let is_sweep = |dir: &Path| dir.join("members").is_dir() || dir.join(".lock").is_file();
    if dir.is_dir() && !is_sweep(dir) && fs::read_dir(dir).map_err(io)?.next().is_some() {
        return Err(taken("holds something else than a sweep; --out names another place"));
    }
    fs::create_dir_all(dir).map_err(io)?;
    let lock = File::create(dir.join(".lock")).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(taken("is in use by another sweep")),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Makes the members' directory and clears what a start that died has left beside them.
pub fn prepare(spec: &SweepSpec) -> Result<(), OutputError> {
    let dir = spec.dir.join("members");
    let io = |error| OutputError::io(&dir, error);
    fs::create_dir_all(&dir).map_err(io)?;
    for entry in fs::read_dir(&dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && (name.ends_with(".partial") || name.ends_with(".old")) {
            fs::remove_dir_all(entry.path()).map_err(io)?;
        }
    }
    Ok(())
}

/// Takes the leaderboard away before members change under it.
pub fn withdraw(dir: &Path) -> Result<(), OutputError> {
    for name in LEADERBOARD_FILES {
        let path = dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(OutputError::io(&path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Says what in the members' directory is not of this leaderboard.
pub fn strangers(ground: &Ground<'_>, failed: impl Iterator<Item = usize>) {
    let spec = ground.spec;
    let failed: BTreeSet<&str> = failed.map(|member| spec.members[member].name.as_str()).collect();
    let own: BTreeSet<&str> = spec.members.iter().map(|member| member.name.as_str()).collect();
    let dir = spec.dir.join("members");
    let Ok(entries) = fs::read_dir(&dir) else { return };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_stranger = |name: &String| {
        let name = name.as_str();
        !name.starts_with('.') && (!own.contains(name) || failed.contains(name))
    };
    let mut strange: Vec<String> = names.filter(is_stranger).collect();
    strange.sort();
    if let (Some(first), Some(last)) = (strange.first(), strange.last()) {
        eprintln!(
            "warning: {}: {} of an earlier sweep, {first} to {last}; the leaderboard leaves them out",
            dir.display(),
            strange.len()
        );
    }
}

/// With full outputs each lane at work holds four files open: takes as many as the system allows.
pub fn raise_open_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls are given a valid structure. Where they fail, the limit stays, and a file that cannot be
    // opened is an error of its own.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Writes a file under its name only when it is whole.
pub fn write_whole(dir: &Path, name: &str, text: &str) -> Result<(), OutputError> {
    let (path, temp) = (dir.join(name), dir.join(format!(".{name}.partial")));
    let write = || {
        fs::write(&temp, text)?;
        File::open(&temp)?.sync_all()?;
        fs::rename(&temp, &path)
    };
    write().map_err(|error| OutputError::io(&path, error))
}
