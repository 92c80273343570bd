//! The shipped quickstart, killed after its records.
//!
//! Every seventh record; with `LANDFALL_SOAK` every third in each round, beginning where the seed says, so that three
//! rounds may meet them all.

use std::sync::Arc;

use engine::drill::{NobodyWrites, Unobserved, begin, drive, resume};
use ports::Journal;
use testkit::{MemoryJournal, Moments};

use crate::quickstart::{assert_passed, header, shipped, to_the_end};
use crate::world::World;

/// The journal as the next process finds it: what was torn off is cut away.
async fn found(journal: &MemoryJournal) -> MemoryJournal {
    let bytes = journal.read().await.unwrap();
    let good = scenario::format::read(&bytes).unwrap().good_bytes;
    MemoryJournal::from_bytes(&bytes[..usize::try_from(good).unwrap()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_any_record_the_quickstart_still_passes() {
    let scenario = shipped("quickstart.yaml");
    let mut moments = Moments::of("quickstart");
    let stride = if moments.is_soak() { 3 } else { 7 };
    let mut records = moments.counts(&[0], 1, stride)[0];
    loop {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let journal = MemoryJournal::new();
        let saga = begin(&journal, Arc::clone(&scenario), header(&world, &scenario, folder.path())).await.unwrap();
        // Some of the deaths tear a line.
        journal.die_after(records, records % 3 * 11);
        let driven = drive(Arc::new(world.clone()), &NobodyWrites, &journal, saga, Arc::new(Unobserved)).await;
        let died = driven.is_err();
        journal.revive();
        let journal = found(&journal).await;
        let saga = resume(&journal, Arc::clone(&scenario)).await.unwrap();
        let (saga, verdict) = to_the_end(&world, &journal, saga).await;
        assert_passed(&saga, &verdict, &world, &format!("killed after {records} records"));
        assert_eq!(world.applied(), 2, "nothing is built twice");
        if !died {
            break;
        }
        records += stride;
    }
    assert!(records > 60, "{records}");
}
