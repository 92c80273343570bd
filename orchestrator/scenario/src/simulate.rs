//! A fake world in which every scenario runs end to end with no cloud.

pub mod world;
