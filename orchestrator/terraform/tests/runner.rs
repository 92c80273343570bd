//! The driver against the real binaries, with resources that need no provider, and with our own stacks. No sleeps: a
//! resource that has to last reads from a FIFO until the test closes it.

#[cfg(test)]
mod runner {
    mod backend;
    mod bad_input;
    mod bed;
    mod faults;
    mod kills;
    mod normal;
    mod stacks;
}
