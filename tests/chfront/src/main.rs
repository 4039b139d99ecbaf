//! The front as a program: prints its address, then serves until its standard input closes or it
//! is asked to terminate.
//!
//! Invariants. The address is the only line on standard output. The program leaves with code 0
//! when it was stopped, 1 when it could not start and 2 when its arguments are wrong.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};

use chfront::{Front, Options};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: chfront --lib PATH --data DIR [--port N] [--user NAME --password WORD]";

struct Args {
    lib: PathBuf,
    data: PathBuf,
    options: Options,
}

fn main() -> ExitCode {
    let Some(args) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("chfront: {e}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Args> {
    let (mut lib, mut data, mut user, mut password) = (None, None, None, String::new());
    let mut options = Options::default();
    while let Some(name) = args.next() {
        let value = args.next()?;
        match name.as_str() {
            "--lib" => lib = Some(PathBuf::from(value)),
            "--data" => data = Some(PathBuf::from(value)),
            "--port" => options.port = value.parse().ok()?,
            "--user" => user = Some(value),
            "--password" => password = value,
            _ => return None,
        }
    }
    options.login = user.map(|user| (user, password));
    Some(Args { lib: lib?, data: data?, options })
}

fn serve(args: Args) -> io::Result<()> {
    let front = Front::start_with(&args.lib, &args.data, args.options)?;
    let (stop, stopped) = mpsc::channel();
    watch_input(stop.clone())?;
    watch_signal(stop)?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", front.url())?;
    out.flush()?;
    // Both watchers gone is a reason to stop as well.
    let _ = stopped.recv();
    front.shutdown();
    Ok(())
}

fn watch_input(stop: Sender<()>) -> io::Result<()> {
    let watch = move || {
        let mut sink = [0; 64];
        while io::stdin().read(&mut sink).is_ok_and(|n| n > 0) {}
        let _ = stop.send(());
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(watch).map(drop)
}

fn watch_signal(stop: Sender<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // Registered before the address is printed, so an early signal is not lost.
    let mut terminate = {
        let _entered = runtime.enter();
        signal(SignalKind::terminate())?
    };
    let watch = move || {
        if runtime.block_on(terminate.recv()).is_some() {
            let _ = stop.send(());
        }
    };
    std::thread::Builder::new().name("signal".to_owned()).spawn(watch).map(drop)
}
