//! Trying again, and giving up in time.
//!
//! A policy is plain numbers and decides from numbers; it waits through the clock it is given. Whether a request may
//! be repeated at all (a create whose answer got lost may have happened) is the caller's to know.

use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::error::PortError;

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries at the most, the first one included; 1 never repeats.
    pub attempts: u32,
    /// The longest wait after the first failure; it doubles with each further one.
    pub first_delay: Duration,
    /// The longest wait of our own choosing; what the far side asks for may be longer.
    pub max_delay: Duration,
    /// No wait begins that would end later than this after the first failure.
    pub total: Duration,
}

impl RetryPolicy {
    /// Outlives a server's restart: about two minutes.
    pub const PATIENT: Self = Self {
        attempts: 24,
        first_delay: Duration::from_millis(200),
        max_delay: Duration::from_secs(10),
        total: Duration::from_secs(150),
    };
    /// Outlives a hiccup: a few seconds.
    pub const BRIEF: Self = Self {
        attempts: 5,
        first_delay: Duration::from_millis(100),
        max_delay: Duration::from_secs(2),
        total: Duration::from_secs(15),
    };

    /// How long to wait after `failed` tries, `elapsed` after the first of them failed; `None` gives up.
    /// Half of a wait is certain and half is drawn from the seed, so that many callers do not come back together.
    pub fn delay(&self, failed: u32, elapsed: Duration, retry_after: Option<Duration>, seed: u64) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doublings = failed.saturating_sub(1).min(31);
        let longest = self.first_delay.saturating_mul(1 << doublings).min(self.max_delay);
        let part = (mix(seed ^ u64::from(failed)) >> 11) as f64 / (1u64 << 53) as f64;
        let own = longest / 2 + (longest / 2).mul_f64(part);
        let delay = match retry_after {
            // Never earlier than asked; a little later, each a different little.
            Some(asked) => asked.saturating_add(own / 2).max(own),
            None => own,
        };
        (elapsed.saturating_add(delay) <= self.total).then_some(delay)
    }
}

/// The failed tries of one request.
#[derive(Debug, Clone, Default)]
pub struct Tries {
    failed: u32,
    since: Option<Timestamp>,
}

impl Tries {
    /// Counts a failure, and says how long to wait before the next try; `None` gives up.
    ///
    /// The moment of the first failure is the seed: who fails together does so nanoseconds apart and comes back apart,
    /// and a test's clock always gives the same waits.
    pub fn wait(&mut self, now: Timestamp, policy: &RetryPolicy, error: &PortError) -> Option<Duration> {
        self.failed += 1;
        let since = *self.since.get_or_insert(now);
        if !error.is_retryable() {
            return None;
        }
        // A clock that was set back counts as no time at all; the number of attempts still ends it.
        let elapsed = now.duration_since(since).max(SignedDuration::ZERO).unsigned_abs();
        policy.delay(self.failed, elapsed, error.retry_after, since.as_nanosecond() as u64)
    }
}

/// Tries until it works, fails for good, or the policy gives up; the last error is the answer then.
pub async fn retry<T, F, Fut>(clock: &dyn Clock, policy: &RetryPolicy, mut request: F) -> Result<T, PortError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, PortError>>,
{
    let mut tries = Tries::default();
    loop {
        let error = match request().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        match tries.wait(clock.now(), policy, &error) {
            Some(wait) => clock.sleep(wait).await,
            None => return Err(error),
        }
    }
}

/// Spreads a seed over all bits (SplitMix64).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;

    /// A clock that only moves when somebody sleeps.
    #[derive(Default)]
    struct Sleeps(Mutex<Vec<Duration>>);

    #[async_trait]
    impl Clock for Sleeps {
        fn now(&self) -> Timestamp {
            let slept: Duration = self.0.lock().unwrap().iter().sum();
            Timestamp::UNIX_EPOCH + SignedDuration::try_from(slept).unwrap()
        }
        async fn sleep(&self, duration: Duration) {
            self.0.lock().unwrap().push(duration);
        }
    }

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 6,
        first_delay: Duration::from_millis(100),
        max_delay: Duration::from_millis(400),
        total: Duration::from_secs(60),
    };

    async fn run(policy: &RetryPolicy, error: fn() -> PortError) -> (u32, Vec<Duration>) {
        let clock = Sleeps::default();
        let mut calls = 0;
        let outcome: Result<(), _> = retry(&clock, policy, || {
            calls += 1;
            std::future::ready(Err(error()))
        })
        .await;
        assert!(outcome.is_err());
        (calls, clock.0.into_inner().unwrap())
    }

    #[tokio::test]
    async fn waits_grow_to_the_cap_and_end_with_the_attempts() {
        let (calls, waits) = run(&POLICY, || PortError::unavailable("down")).await;
        assert_eq!((calls, waits.len()), (6, 5));
        for (wait, longest) in waits.iter().zip([100, 200, 400, 400, 400]) {
            let longest = Duration::from_millis(longest);
            assert!(*wait >= longest / 2 && *wait <= longest, "{wait:?} of {longest:?}");
        }
    }

    #[tokio::test]
    async fn what_was_asked_for_is_waited_for() {
        let throttled =
            || PortError::new(crate::ErrorKind::Throttled, "slow down").with_retry_after(Some(Duration::from_secs(3)));
        let (_, waits) = run(&POLICY, throttled).await;
        assert!(waits.iter().all(|wait| (3000..3500).contains(&wait.as_millis())), "{waits:?}");
    }

    #[tokio::test]
    async fn no_wait_ends_after_the_total() {
        let policy = RetryPolicy { total: Duration::from_millis(250), ..POLICY };
        let (_, waits) = run(&policy, || PortError::unavailable("down")).await;
        assert!(!waits.is_empty() && waits.iter().sum::<Duration>() <= policy.total, "{waits:?}");
        let once = RetryPolicy { attempts: 1, ..POLICY };
        assert_eq!(run(&once, || PortError::unavailable("down")).await.0, 1);
    }

    #[tokio::test]
    async fn a_final_refusal_is_not_repeated() {
        assert_eq!(run(&POLICY, || PortError::invalid("no")).await, (1, vec![]));
    }

    #[tokio::test]
    async fn a_later_success_is_the_answer() {
        let clock = Sleeps::default();
        let mut failed = 0;
        let outcome = retry(&clock, &POLICY, || {
            failed += 1;
            std::future::ready(if failed < 3 { Err(PortError::unavailable("not yet")) } else { Ok("done") })
        });
        assert_eq!(outcome.await.unwrap(), "done");
    }

    #[test]
    fn who_fails_a_moment_later_comes_back_at_another_time() {
        let busy = PortError::unavailable("down");
        let waits = |moment: i64| {
            let begin = Timestamp::UNIX_EPOCH + SignedDuration::from_nanos(moment);
            let mut tries = Tries::default();
            [0, 1].map(|second| tries.wait(begin + SignedDuration::from_secs(second), &POLICY, &busy).unwrap())
        };
        assert_eq!(waits(5), waits(5));
        assert_ne!(waits(5), waits(6));
    }
}
