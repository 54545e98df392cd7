//! How the engine's thread wakes the window: only for what the window has not taken already.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Rung by the thread after each notice.
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    /// Notices that were sent and not taken. Less than none where one was taken before the bell.
    unread: i64,
    is_awaited: bool,
}

impl Bell {
    /// A bell that calls `wake`.
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> Bell {
        Bell { state: Mutex::default(), rung: Condvar::new(), wake: Box::new(wake) }
    }

    /// A notice was sent.
    pub(super) fn ring(&self) {
        let mut state = self.lock();
        state.unread += 1;
        let (is_awaited, is_new) = (state.is_awaited, state.unread > 0);
        drop(state);
        match is_awaited {
            true => self.rung.notify_all(),
            false if is_new => (self.wake)(),
            false => {}
        }
    }

    /// A notice was taken.
    pub(super) fn taken(&self) {
        self.lock().unread -= 1;
    }

    /// Waits for a notice, so long at most; true if there is one.
    pub(super) fn wait(&self, within: Duration) -> bool {
        let mut state = self.lock();
        state.is_awaited = true;
        let waited = self.rung.wait_timeout_while(state, within, |state| state.unread <= 0);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_awaited = false;
        state.unread > 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn bell() -> (Arc<Bell>, Arc<AtomicUsize>) {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        let wake = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        (Arc::new(Bell::new(wake)), woken)
    }

    #[test]
    fn a_window_that_sleeps_is_woken() {
        let (bell, woken) = bell();
        assert!(!bell.wait(Duration::ZERO), "nothing was sent");
        bell.ring();
        bell.ring();
        assert_eq!(woken.load(Ordering::SeqCst), 2);
        assert!(bell.wait(Duration::ZERO));
    }

    #[test]
    fn a_window_that_waits_or_was_quicker_is_not_woken() {
        let (bell, woken) = bell();
        bell.taken();
        bell.ring();
        let ringer = bell.clone();
        let ring = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            ringer.ring();
        });
        assert!(bell.wait(Duration::from_secs(10)));
        bell.taken();
        ring.join().unwrap();
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        assert!(!bell.wait(Duration::ZERO));
    }
}
