//! The backup archive and the files beside it: path codec, writer, capped reader
