output "database" {
  description = "The database, in the shape of the contract."
  value = {
    identifier      = local.is_aurora ? aws_rds_cluster.this[0].cluster_identifier : aws_db_instance.this[0].identifier
    endpoint        = local.is_aurora ? aws_rds_cluster.this[0].endpoint : aws_db_instance.this[0].address
    port            = local.port
    reader_endpoint = local.is_aurora ? aws_rds_cluster.this[0].reader_endpoint : null
    secret_arn      = try(local.is_aurora ? aws_rds_cluster.this[0].master_user_secret[0].secret_arn : aws_db_instance.this[0].master_user_secret[0].secret_arn, null)
  }
}

output "arn" {
  description = "ARN of the instance or cluster: what a replica elsewhere takes as its source."
  value       = local.is_aurora ? aws_rds_cluster.this[0].arn : aws_db_instance.this[0].arn
}

output "security_group_id" {
  description = "Security group of the database."
  value       = aws_security_group.this.id
}
