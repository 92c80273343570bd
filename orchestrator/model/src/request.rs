//! Validated intent: what a person asked of a backup or a restore, with every default filled in.
