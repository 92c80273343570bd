//! The quickstart, killed again and again: every time `resume` carries on, and in the end it has passed and nothing is
//! left.
//!
//! Only landfall is killed; Terraform and the control planes go on, or end by themselves, as they would after a crash.

use std::process::Child;
use std::time::{Duration, Instant};

use testkit::Moments;

use super::{Ground, QUICKSTART};

/// About what an undisturbed run takes. Nothing is measured against it: a machine that is slower or faster is killed at
/// other moments.
const WHOLE: Duration = Duration::from_secs(30);
/// Kills of one run.
const KILLS: usize = 3;

#[test]
fn the_quickstart_killed_three_times_passes_and_leaves_nothing() {
    let moments = Moments::of("quickstart").fractions(KILLS as u32, KILLS);
    for moments in moments.chunks(KILLS) {
        killed_at(moments);
    }
}

fn killed_at(moments: &[f64]) {
    let ground = Ground::new();
    let mut moments = moments.to_vec();
    moments.sort_by(f64::total_cmp);
    let (mut driven, mut kills) = (Duration::ZERO, Vec::new());
    let mut child = ground.start(&["drill", "run", QUICKSTART]);
    for moment in moments {
        let until = WHOLE.mul_f64(moment);
        if !killed_after(&mut child, until.saturating_sub(driven)) {
            break;
        }
        driven = driven.max(until);
        kills.push(format!("{:.2}s", until.as_secs_f64()));
        child = match ground.run_id() {
            Some(id) => ground.start(&["drill", "resume", &id]),
            // Killed before the run began.
            None => ground.start(&["drill", "run", QUICKSTART]),
        };
    }
    let code = child.wait().unwrap().code();
    let when = format!("killed after {}", kills.join(", "));
    assert_eq!(code, Some(0), "{when}\n{}", ground.said());
    let id = ground.run_id().unwrap();
    ground.assert_passed(&id, &when);
    assert!(!kills.is_empty(), "the run ended before its first kill");
}

/// False when it ended by itself before.
fn killed_after(child: &mut Child, after: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < after {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}
