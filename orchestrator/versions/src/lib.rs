//! What each Kubernetes release serves, and converters between API versions, one file per kind
