output "dr_contract" {
  description = "What this environment offers, in the shape that every stack shares. In mode cold there is no cluster and no network in it."
  value       = module.platform.contract
}

output "role_arns" {
  description = "ARNs of the backup, restore and prune roles."
  value       = module.platform.role_arns
}
