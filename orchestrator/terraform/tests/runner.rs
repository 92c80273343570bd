//! The driver against the real binaries, with resources that need no provider, and with our own stacks. No sleeps: a
//! resource that has to last reads from a FIFO until the test closes it.

#[cfg(test)]
mod runner {
    // Takes longest, and begins first because of its name.
    mod applied;
    mod backend;
    mod bad_input;
    mod bed;
    mod faults;
    mod kills;
    mod normal;
}
