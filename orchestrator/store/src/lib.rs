//! Object store on disk and in memory, and the bucket's layout
