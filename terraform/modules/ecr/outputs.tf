output "registry" {
  description = "Host of the registry."
  value       = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${data.aws_region.this.name}.${data.aws_partition.this.dns_suffix}"
}

output "repositories" {
  description = "URL of each repository by name, without scheme and tag."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}
