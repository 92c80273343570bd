//! What the engine needs from the outside, in the words of the domain
