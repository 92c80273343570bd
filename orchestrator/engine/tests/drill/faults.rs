//! An apiserver that goes away while a drill works with it: for a while, or for good.

use std::sync::Arc;

use engine::drill::{DrillObserver, NobodyWrites, StepProgress, begin, drive};
use scenario::{Event, Record, Saga, Verdict, Waiting};
use testkit::{FakeCluster, MemoryJournal};

use crate::quickstart::{assert_passed, header, shipped};
use crate::world::World;

/// Does something to the target as soon as the restore has begun.
struct When {
    world: World,
    happens: fn(&FakeCluster),
}

impl DrillObserver for When {
    fn recorded(&self, _saga: &Saga, record: &Record) {
        if matches!(&record.event, Event::Started { step, .. } if step == "restore") {
            (self.happens)(&self.world.cluster("d1-target").unwrap());
        }
    }

    fn progress(&self, _step: &str, _progress: &StepProgress) {}

    fn waiting(&self, _saga: &Saga, _waiting: &[Waiting], _until: Option<jiff::Timestamp>) {}
}

async fn driven(world: &World, happens: fn(&FakeCluster)) -> (Saga, Verdict) {
    let (scenario, journal, folder) = (shipped("quickstart.yaml"), MemoryJournal::new(), tempfile::tempdir().unwrap());
    let header = header(world, &scenario, folder.path());
    let saga = begin(&journal, scenario, header).await.unwrap();
    let observer = Arc::new(When { world: world.clone(), happens });
    drive(Arc::new(world.clone()), &NobodyWrites, &journal, saga, observer).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apiserver_that_restarts_during_the_restore_is_waited_for() {
    let world = World::new();
    let (saga, verdict) = driven(&world, |cluster| {
        cluster.add_fault(testkit::Fault::refuse(testkit::Refusal::unavailable()).skip(30).times(12));
    })
    .await;
    assert_passed(&saga, &verdict, &world, "after a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apiserver_that_is_lost_during_the_restore_fails_the_drill_and_everything_is_destroyed() {
    type Loss = (fn(&FakeCluster), &'static str);
    let lost: [Loss; 3] = [
        (|cluster| cluster.kill_after(0), "step restore failed: "),
        (|cluster| cluster.kill_after(25), "step restore failed: "),
        // Late enough for the restore to have ended.
        (|cluster| cluster.kill_after(120), "step shop-is-ready failed: "),
    ];
    for (happens, reason) in lost {
        let world = World::new();
        let (_, verdict) = driven(&world, happens).await;
        let Verdict::Failed { reasons } = &verdict else { panic!("{reason} {verdict:?}") };
        assert!(reasons[0].starts_with(reason) && reasons[0].contains("killed"), "{reasons:?}");
        // What could not be looked at is never good, and never bad for another reason than that.
        assert!(reasons.iter().any(|reason| reason.contains("shop-is-complete")), "{reasons:?}");
        // Steps that wait at once move the same clock, so one may also run out of its time.
        let is_about_looking = |reason: &str| reason.contains("not ") || reason.contains("time was over");
        let wrong = |reason: &&String| reason.contains("no-old-references") && !is_about_looking(reason);
        assert_eq!(reasons.iter().find(wrong), None);
        assert_eq!(world.left(), [""; 0], "{reason}");
    }
}
