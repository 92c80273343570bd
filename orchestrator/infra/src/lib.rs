//! The infrastructure contract, pairing of source and target, rewriting, leak scan
