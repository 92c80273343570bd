output "name" {
  description = "Name of the bucket. Known only when it is versioned, encrypted and closed."
  value       = aws_s3_bucket.this.id
  depends_on = [
    aws_s3_bucket_versioning.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_public_access_block.this,
  ]
}

output "arn" {
  description = "ARN of the bucket. Known only when it is versioned."
  value       = aws_s3_bucket.this.arn
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "regional_domain_name" {
  description = "Host of the bucket in its region."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}

output "logs_name" {
  description = "Name of the bucket that takes the access log."
  value       = aws_s3_bucket.logs.id
}
