//! Runs the front as a child process, which gives a test an engine and a data directory of its own.
//!
//! Invariants. A child that was spawned answers at its address. It ends with the value that holds
//! it, and also with the test process, however that ends, because it watches its standard input.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the program prints before its address.
const GREETING: &str = "listening on ";

/// Time given to a child to end by itself.
const EXIT_WAIT: Duration = Duration::from_secs(3);

/// A front in a process of its own. Killed when dropped.
pub struct ChildFront {
    child: Child,
    url: String,
}

impl ChildFront {
    /// Starts the program `bin` with the library `lib` on the directory `data`, and waits for its
    /// address.
    pub fn spawn(bin: &Path, lib: &Path, data: &Path) -> io::Result<Self> {
        Self::spawn_with(bin, lib, data, &[])
    }

    /// Starts with more arguments, such as `--user` and `--password`.
    pub fn spawn_with(bin: &Path, lib: &Path, data: &Path, args: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(bin)
            .arg("--lib")
            .arg(lib)
            .arg("--data")
            .arg(data)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", bin.display())))?;
        let stdout = child.stdout.take();
        // From here on the child is killed on every way out.
        let mut front = Self { child, url: String::new() };
        let stdout = stdout.ok_or_else(|| io::Error::other("the child has no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        match line.trim_end().strip_prefix(GREETING) {
            Some(url) => front.url = url.to_owned(),
            None => return Err(io::Error::other("the front ended before it gave its address")),
        }
        Ok(front)
    }

    /// The address to give to a client.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The child's process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the child at once, as a crash would.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for ChildFront {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + EXIT_WAIT;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // It is about to be gone; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
