//! A clock that stands still until somebody moves it.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use tokio::sync::Notify;

/// Begins at a fixed time. In the jumping mode a sleep moves the time at once; otherwise it waits for `advance`.
#[derive(Debug)]
pub struct FakeClock {
    now: Mutex<Timestamp>,
    moved: Notify,
    jumps: bool,
    slept: Mutex<Vec<Duration>>,
}

impl FakeClock {
    /// Whoever sleeps moves the time.
    pub fn jumping() -> Self {
        Self::new(true)
    }

    /// Only `advance` and `set` move the time.
    pub fn standing() -> Self {
        Self::new(false)
    }

    fn new(jumps: bool) -> Self {
        // Any fixed time will do; this one is easy to recognise.
        let begin = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 56);
        Self { now: Mutex::new(begin), moved: Notify::new(), jumps, slept: Mutex::default() }
    }

    pub fn advance(&self, by: Duration) {
        *lock(&self.now) += by;
        self.moved.notify_waiters();
    }

    /// Also backwards, as real clocks do.
    pub fn set(&self, to: Timestamp) {
        *lock(&self.now) = to;
        self.moved.notify_waiters();
    }

    /// Every sleep asked for so far.
    pub fn slept(&self) -> Vec<Duration> {
        lock(&self.slept).clone()
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *lock(&self.now)
    }

    async fn sleep(&self, duration: Duration) {
        lock(&self.slept).push(duration);
        if self.jumps {
            self.advance(duration);
            // Others get their turn, as they would while time really passes.
            tokio::task::yield_now().await;
            return;
        }
        let until = self.now() + duration;
        loop {
            // Registered before looking, so that no move is missed.
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.now() >= until {
                return;
            }
            moved.await;
        }
    }
}

/// A test that panicked elsewhere has its own report; what it held is still good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_jumping_clock_moves_by_sleeping() {
        let clock = FakeClock::jumping();
        let before = clock.now();
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().duration_since(before).as_secs(), 3600);
        assert_eq!(clock.slept(), [Duration::from_secs(3600)]);
    }

    #[tokio::test]
    async fn a_standing_clock_holds_sleepers_until_it_is_moved() {
        let clock = Arc::new(FakeClock::standing());
        let sleeper = Arc::clone(&clock);
        let task = tokio::spawn(async move { sleeper.sleep(Duration::from_secs(10)).await });
        while clock.slept().is_empty() {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        clock.advance(Duration::from_secs(1));
        task.await.unwrap();
    }
}
