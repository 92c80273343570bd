output "contract" {
  description = "The environment's contract, see module contract."
  value       = module.contract.contract
}

output "database_arns" {
  description = "ARN of each database by logical name: what replicas elsewhere follow."
  value       = { for name, database in module.databases : name => database.arn }
}

output "role_arns" {
  description = "ARNs of the backup, restore and prune roles."
  value       = module.iam.role_arns
}
