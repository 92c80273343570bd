//! The velero.io objects as they are written, and the requests that they mean.
//!
//! - [`velero::backup`]: a Backup's spec: defaults, validation, request.
//! - [`velero::restore`]: a Restore's spec, likewise.
//! - [`velero::hooks`]: the hooks of both.
//! - [`velero::object`]: the objects around the specs, as they lie in a bucket.
//!
//! Objects that come from a bucket or a cluster are `Manifest`s; these types are for what people write.

pub mod velero;
