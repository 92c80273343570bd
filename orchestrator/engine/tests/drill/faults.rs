//! An apiserver that goes away while a drill works with it: for a while, or for good.

use std::sync::Arc;

use engine::drill::{DrillObserver, NobodyWrites, StepProgress, begin, drive};
use scenario::{Event, Record, Saga, Verdict, Waiting};
use testkit::{FakeCluster, MemoryJournal};

use crate::quickstart::{assert_passed, header, shipped};
use crate::world::World;

/// Does something to the target as soon as the restore has begun, or has ended.
struct When {
    world: World,
    has_ended: bool,
    happens: fn(&FakeCluster),
}

impl DrillObserver for When {
    fn recorded(&self, _saga: &Saga, record: &Record) {
        let is_now = match &record.event {
            Event::Started { step, .. } => step == "restore" && !self.has_ended,
            Event::Succeeded { step, .. } => step == "restore" && self.has_ended,
            _ => false,
        };
        if is_now {
            (self.happens)(&self.world.cluster("d1-target").unwrap());
        }
    }

    fn progress(&self, _step: &str, _progress: &StepProgress) {}

    fn waiting(&self, _saga: &Saga, _waiting: &[Waiting], _until: Option<jiff::Timestamp>) {}
}

async fn driven(world: &World, has_ended: bool, happens: fn(&FakeCluster)) -> (Saga, Verdict) {
    let (scenario, journal, folder) = (shipped("quickstart.yaml"), MemoryJournal::new(), tempfile::tempdir().unwrap());
    let header = header(world, &scenario, folder.path());
    let saga = begin(&journal, scenario, header).await.unwrap();
    let observer = Arc::new(When { world: world.clone(), has_ended, happens });
    drive(Arc::new(world.clone()), &NobodyWrites, &journal, saga, observer).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apiserver_that_restarts_during_the_restore_is_waited_for() {
    let world = World::new();
    let (saga, verdict) = driven(&world, false, |cluster| {
        cluster.add_fault(testkit::Fault::refuse(testkit::Refusal::unavailable()).skip(30).times(12));
    })
    .await;
    assert_passed(&saga, &verdict, &world, "after a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apiserver_that_is_lost_during_the_restore_fails_the_drill_and_everything_is_destroyed() {
    type Loss = (bool, fn(&FakeCluster), &'static str);
    let lost: [Loss; 3] = [
        (false, |cluster| cluster.kill_after(0), "step restore failed: "),
        (false, |cluster| cluster.kill_after(25), "step restore failed: "),
        (true, |cluster| cluster.kill_after(0), "step shop-is-ready failed: "),
    ];
    for (has_ended, happens, reason) in lost {
        let world = World::new();
        let (_, verdict) = driven(&world, has_ended, happens).await;
        let Verdict::Failed { reasons } = &verdict else { panic!("{reason} {verdict:?}") };
        assert!(reasons[0].starts_with(reason) && reasons[0].contains("killed"), "{reasons:?}");
        // What could not be looked at is never good, and never bad for another reason than that.
        assert!(reasons.iter().any(|reason| reason.contains("shop-is-complete")), "{reasons:?}");
        // Steps that wait at once move the same clock, so one may also run out of its time.
        let is_about_looking = |reason: &str| {
            ["not looked at", "not checked", "not be looked at", "failed to look", "time was over", "killed"]
                .iter()
                .any(|words| reason.contains(words))
        };
        assert_eq!(reasons.iter().find(|reason| !is_about_looking(reason)), None, "{reasons:?}");
        assert_eq!(world.left(), [""; 0], "{reason}");
    }
}
