//! The process: when it began, whether it was interrupted, and its environment.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use bdlm::clock::Stopwatch;
use bdlm::gpu::{GpuOptions, has_512_bits};
use bdlm::hub::HubOptions;

/// Ctrl-C was pressed; what was finished has been written.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

static START: OnceLock<Stopwatch> = OnceLock::new();

/// Remembers when the program began.
pub fn start_clock() {
    START.get_or_init(Stopwatch::start);
}

/// When the program began.
pub fn start() -> Option<Stopwatch> {
    START.get().copied()
}

/// Takes Ctrl-C as a request to stop; the second one ends the process.
pub fn handle_interrupts() -> Result<()> {
    let handler = || {
        // The second time the user does not want to wait for the end of a block.
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            if io::stderr().is_terminal() {
                let _ = writeln!(io::stderr());
            }
            #[allow(clippy::disallowed_methods, reason = "the handler cannot return from main")]
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).context("Ctrl-C cannot be handled")
}

/// Fails after Ctrl-C.
pub fn check_interrupt() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) { Err(Interrupted.into()) } else { Ok(()) }
}

/// Breaks after Ctrl-C.
pub fn go_on() -> ControlFlow<()> {
    match INTERRUPTED.load(Ordering::SeqCst) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// True after Ctrl-C; what follows can be interrupted again.
pub fn take_interrupt() -> bool {
    INTERRUPTED.swap(false, Ordering::SeqCst)
}

/// Seconds since 1970, for templates that name the day. In UTC: the system's zone is not read.
#[allow(clippy::disallowed_types, reason = "a template that names the day depends on the date")]
pub fn utc_secs() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// The most memory that this process had so far, where the system reports it.
pub fn peak_host_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes << 10)
}

/// Where the hub and its cache are.
pub fn hub_options() -> HubOptions {
    HubOptions::from_vars(variable)
}

/// Where kernels and measured choices are kept, if anywhere.
pub fn user_cache() -> Option<PathBuf> {
    GpuOptions::cache_folder(variable("BDLM_CACHE"))
}

#[allow(clippy::disallowed_methods, reason = "the process's own environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Sets the variables that drivers of software adapters need.
///
/// They complain on stderr when no runtime folder is set, as for root in a container. And Mesa's
/// computes with 256 bits unless asked for more, which only programs that draw nothing may do: drawing
/// with 512 it crashes. What it compiles then needs a cache of its own, since Mesa does not tell
/// kernels for 512 bits from those for 256.
#[allow(clippy::disallowed_methods, reason = "the process's own environment, a folder beside it")]
pub fn prepare_drivers() {
    let is_set = |name: &str| variable(name).is_some();
    let set = |name: &str, value: OsString| {
        // SAFETY: `main` comes here first after its arguments: no other thread runs yet.
        #[allow(unsafe_code, reason = "setting a variable is unsafe beside other threads")]
        unsafe {
            std::env::set_var(name, value);
        }
    };
    if cfg!(target_os = "linux") && !is_set("XDG_RUNTIME_DIR") {
        set("XDG_RUNTIME_DIR", std::env::temp_dir().into());
    }
    let asked = variable("LP_NATIVE_VECTOR_WIDTH");
    let is_wide = asked.map_or_else(has_512_bits, |bits| bits == "512");
    let is_free = is_wide && !is_set("MESA_SHADER_CACHE_DIR");
    let cache = user_cache().filter(|_| is_free);
    // Mesa makes only the last folder of a path.
    let made = |cache: &PathBuf| std::fs::create_dir_all(cache).is_ok();
    if let Some(cache) = cache.map(|cache| cache.join("mesa-512")).filter(made) {
        set("LP_NATIVE_VECTOR_WIDTH", "512".into());
        set("MESA_SHADER_CACHE_DIR", cache.into());
    }
}
