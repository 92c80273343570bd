//! S3, EKS and its tokens
