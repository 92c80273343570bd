//! Tests, checks, benchmarks and generated files.

#[allow(dead_code, reason = "codegen will call it")]
mod terraform_docs;

fn main() {}
