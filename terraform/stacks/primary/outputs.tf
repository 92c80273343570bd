output "dr_contract" {
  description = "What this environment offers, in the shape that every stack shares."
  value       = module.platform.contract
}

output "recovery_inputs" {
  description = "Values of the recovery stack's variables of the same names: write them to its `terraform.tfvars.json` now, because in an outage this output may be out of reach."
  value = {
    account_id      = var.account_id
    region          = var.recovery_region
    kms_keys        = module.kms.replicas
    backup_location = { name = module.backup_bucket.replica.name, arn = module.backup_bucket.replica.arn, prefix = var.backups.prefix }
    repositories    = keys(var.repositories)
    zones           = merge(var.references.zones, module.dns.zones)
    database_sources = {
      for name, arn in module.platform.database_arns : name => arn
    }
  }
}

output "role_arns" {
  description = "ARNs of the backup, restore and prune roles."
  value       = module.platform.role_arns
}
