output "primary_backend" {
  description = "Values for `init -backend-config` of stack primary."
  value       = merge(module.state_backend.backend_config, { key = "landfall/primary.tfstate" })
}

output "recovery_backend" {
  description = "Values for `init -backend-config` of stack recovery: its state is in its own region, because the other one may be gone when it is needed."
  value = merge(module.state_backend.backend_config, {
    bucket     = module.state_backend.replica_bucket
    region     = var.recovery_region
    kms_key_id = module.kms.replicas["states"].arn
    key        = "landfall/recovery.tfstate"
  })
}
