//! The velero.io objects: specs as they are written, and the requests they mean
