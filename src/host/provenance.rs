//! Where a result comes from: the build, the strategies' binaries, and the ids made of them.
//!
//! Invariants: the build id covers the version, the sources' bytes and each strategy's bytes, and nothing of
//! profile, machine or commit, so debug and release agree. The run id is a function of config, data and build.

use uuid::Uuid;

/// What this binary was built from.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Version of the package.
    pub version: &'static str,
    /// Commit, or `unknown`.
    pub git_commit: &'static str,
    /// Whether the tree differed from the commit: `true` or `false`.
    pub git_dirty: &'static str,
    /// Compiler.
    pub rustc: &'static str,
    /// Target triple.
    pub target: &'static str,
    /// Profile.
    pub profile: &'static str,
    /// BLAKE3 over the sources, hexadecimal.
    pub source_hash: &'static str,
}

/// What this binary was built from.
pub const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    git_commit: env!("BT_GIT_COMMIT"),
    git_dirty: env!("BT_GIT_DIRTY"),
    rustc: env!("BT_RUSTC"),
    target: env!("BT_TARGET"),
    profile: env!("BT_PROFILE"),
    source_hash: env!("BT_SOURCE_HASH"),
};

impl Build {
    /// The commit, with a mark when the tree differed from it.
    pub fn commit_text(&self) -> String {
        let mark = if self.git_dirty == "true" { "-dirty" } else { "" };
        format!("{}{mark}", self.git_commit)
    }
}

/// The build id: version, sources, and the bytes of each strategy in lane order.
pub fn build_id(strategies: &[[u8; 32]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"btcore build 1\0");
    hasher.update(BUILD.version.as_bytes());
    hasher.update(b"\0");
    hasher.update(BUILD.source_hash.as_bytes());
    for hash in strategies {
        hasher.update(hash);
    }
    hasher.finalize().into()
}

/// The run id, shaped as a UUID of version 8.
pub fn run_id(config: &[u8; 32], data: &[u8; 32], build: &[u8; 32]) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"btcore run 1\0").update(config).update(data).update(build);
    uuid_of(hasher.finalize().as_bytes())
}

/// The id of one lane of a run in tables that know one lane a run: the run's own id when there is only one.
pub fn lane_id(run: Uuid, lane: usize, lanes: usize) -> Uuid {
    if lanes == 1 {
        return run;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"btcore lane 1\0").update(run.as_bytes()).update(&(lane as u64).to_le_bytes());
    uuid_of(hasher.finalize().as_bytes())
}

/// The id under which an attempt of a run stands beside the others.
pub fn attempt_id(run: Uuid, attempt: Uuid) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"btcore attempt 1\0").update(run.as_bytes()).update(attempt.as_bytes());
    uuid_of(hasher.finalize().as_bytes())
}

fn uuid_of(hash: &[u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A hash in hexadecimal.
pub fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from(*hash).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_their_parts() {
        let run = run_id(&[1; 32], &[2; 32], &[3; 32]);
        assert_eq!(run, run_id(&[1; 32], &[2; 32], &[3; 32]));
        assert_ne!(run, run_id(&[1; 32], &[2; 32], &[4; 32]));
        assert_eq!(run.get_version_num(), 8);
        assert_eq!(lane_id(run, 0, 1), run);
        assert_ne!(lane_id(run, 0, 2), lane_id(run, 1, 2));
        assert_ne!(build_id(&[]), build_id(&[[0; 32]]));
    }
}
