//! HTTP, TCP, readiness, counts, queries and canaries
