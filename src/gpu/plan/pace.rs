//! How much work is sent at once: systems reset a device that is busy with one submit for seconds.

/// Seconds of work that are sent at once.
const SUBMIT_SECS: f64 = 0.5;
/// Dispatches that are sent at once before any were timed.
const FIRST_DISPATCHES: usize = 16;

/// The pace of a device, learnt from the work that it has done.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    is_software: bool,
    secs_per_dispatch: Option<f64>,
}

impl Pace {
    /// Of a device that has done nothing yet. Nobody resets a software adapter.
    pub fn new(is_software: bool) -> Pace {
        Pace { is_software, secs_per_dispatch: None }
    }

    /// Dispatches to send at once.
    pub fn dispatches(&self) -> usize {
        match self.secs_per_dispatch {
            _ if self.is_software => usize::MAX,
            None => FIRST_DISPATCHES,
            Some(secs) => ((SUBMIT_SECS / secs.max(1e-9)) as usize).max(1),
        }
    }

    /// Learns that so many dispatches took some seconds.
    pub fn learn(&mut self, n_dispatches: usize, secs: f64) {
        if n_dispatches > 0 {
            self.secs_per_dispatch = Some(secs / n_dispatches as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_device_gets_little_at_once_and_a_processor_all() {
        let mut pace = Pace::new(false);
        assert_eq!(pace.dispatches(), FIRST_DISPATCHES);
        pace.learn(100, 10.0);
        assert_eq!(pace.dispatches(), 5);
        pace.learn(100, 1e-3);
        assert!(pace.dispatches() > 40_000);
        pace.learn(2, 60.0);
        assert_eq!(pace.dispatches(), 1);
        pace.learn(0, 1.0);
        assert_eq!(pace.dispatches(), 1);
        let mut processor = Pace::new(true);
        processor.learn(2, 60.0);
        assert_eq!(processor.dispatches(), usize::MAX);
    }
}
