//! Our own modules and stacks, through the driver: the local stack with both tools, the AWS stacks against moto.
//!
//! Every test works in a copy of `terraform/`, so that nothing is left in the checkout. Whether real AWS accepts the
//! same is not shown here.

mod aws;
mod checks;
mod local;
mod moto;
mod provider;
mod workspace;
