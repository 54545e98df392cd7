//! The one clock of the library. It never goes backwards and knows no date, so that results
//! cannot depend on the time of day. On the web it is `performance.now()`.

#[cfg(not(target_arch = "wasm32"))]
use std::time::Instant;
#[cfg(target_arch = "wasm32")]
use web_time::Instant;

/// Measures the time since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts at zero.
    pub fn start() -> Stopwatch {
        Stopwatch { started: Instant::now() }
    }

    /// Seconds since the start.
    pub fn secs(self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}
