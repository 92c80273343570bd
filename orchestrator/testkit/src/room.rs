//! How many tests of one program run at once, whatever the harness would do.
//!
//! Servers want processors and memory: a few tests fit beside each other, and one that looks at the whole machine or
//! measures must have it to itself.

use std::sync::{Condvar, Mutex, PoisonError};

/// Room for so many tests.
#[derive(Debug)]
pub struct Room {
    size: usize,
    taken: Mutex<usize>,
    left: Condvar,
}

/// A place in a room, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    room: &'static Room,
    size: usize,
}

impl Room {
    pub const fn for_tests(size: usize) -> Self {
        Self { size, taken: Mutex::new(0), left: Condvar::new() }
    }

    /// Waits until there is room for one test.
    pub fn take(&'static self) -> Place {
        self.take_places(1)
    }

    /// Waits until there is nobody else.
    pub fn take_all(&'static self) -> Place {
        self.take_places(self.size)
    }

    fn take_places(&'static self, size: usize) -> Place {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken + size > self.size {
            taken = self.left.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += size;
        Place { room: self, size }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.room.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.size;
        self.room.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn never_more_than_there_is_room_for_and_nobody_beside_one_who_has_all() {
        static ROOM: Room = Room::for_tests(2);
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        let visit = |size: usize| {
            let _place = if size == 2 { ROOM.take_all() } else { ROOM.take() };
            assert!(INSIDE.fetch_add(size, Ordering::SeqCst) + size <= 2);
            std::thread::yield_now();
            INSIDE.fetch_sub(size, Ordering::SeqCst);
        };
        std::thread::scope(|scope| {
            for number in 0..6 {
                scope.spawn(move || (0..500).for_each(|time| visit(1 + usize::from((number + time) % 3 == 0))));
            }
        });
        assert_eq!(INSIDE.load(Ordering::SeqCst), 0);
    }
}
