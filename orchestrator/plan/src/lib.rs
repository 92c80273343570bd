//! Every decision of a backup, a restore and retention; pure
