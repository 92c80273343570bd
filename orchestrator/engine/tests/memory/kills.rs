//! Killed at any request, then the same command: the same end state as undisturbed.
//!
//! A killed process sends nothing more: from the kill on, nothing reaches the cluster or the bucket.

use model::request::RestoreRequest;
use ports::ErrorKind;
use testkit::{StoreVerb, skip};

use crate::bed::{Bed, empty, meant};

/// Points to kill at: all of a few, or a spread of many; `LANDFALL_SOAK` takes them all.
fn points(requests: usize) -> Vec<u32> {
    let step = if skip::variable("LANDFALL_SOAK").is_some() { 1 } else { (requests / 25).max(1) };
    (0..requests).step_by(step).filter_map(|at| u32::try_from(at).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_killed_at_any_request_ends_as_undisturbed_when_run_again() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let undisturbed = empty();
    bed.restore(&undisturbed, "b").await.unwrap();
    let expected = meant(&undisturbed);
    let requests = undisturbed.log().len();
    assert!(requests > 50, "{requests}");
    for at in points(requests) {
        let target = empty();
        target.kill_after(at);
        // Planning may end with an error, acting with failures; neither matters to the next run.
        let _ = bed.restore(&target, "b").await;
        target.revive();
        let outcome = bed.restore(&target, "b").await.unwrap();
        assert_eq!(outcome.phase, "Completed", "killed after {at}: {:?}", outcome.exceptions);
        assert_eq!(meant(&target), expected, "killed after {at}");
        target.clear_log();
        let third = bed.restore_of(&target, &RestoreRequest::everything("third", "b")).await.unwrap();
        assert_eq!(third.writes, 0, "killed after {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_killed_at_any_request_is_not_visible_and_runs_again() {
    let bed = Bed::new();
    bed.backup("whole").await.unwrap();
    let expected = bed.stored("whole").await;
    let requests = bed.source.log().len();
    for at in points(requests) {
        let bed = Bed::new();
        bed.source.kill_after(at);
        // A dead process puts nothing, either.
        bed.store.refuse(StoreVerb::Put, "", ErrorKind::Denied, 1000);
        bed.backup("b").await.unwrap_err();
        assert_eq!(bed.visible().await, [""; 0], "killed after {at}");
        let next = Bed { store: Bed::new().store, ..bed };
        next.source.revive();
        assert_eq!(next.backup("b").await.unwrap().phase, "Completed", "killed after {at}");
        assert_eq!(next.stored("b").await, expected, "killed after {at}");
    }
}
