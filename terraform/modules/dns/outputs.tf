output "zones" {
  description = "Zones by logical name: id and domain."
  value       = { for name, zone in var.zones : name => { id = local.zone_ids[name], name = zone.name } }
}

output "health_checks" {
  description = "Health check of each failover record."
  value       = { for name, check in aws_route53_health_check.this : name => check.id }
}
