# Zones, records that fail over by themselves, and stable names.

locals {
  created = { for name, zone in var.zones : name => zone if zone.create }
  found   = { for name, zone in var.zones : name => zone if !zone.create }

  zone_ids = merge(
    { for name, zone in aws_route53_zone.this : name => zone.zone_id },
    { for name, zone in data.aws_route53_zone.this : name => zone.zone_id },
  )

  failover_sides = merge([
    for name, record in var.failover_records : {
      "${name}/primary"   = { record = name, role = "PRIMARY", target = record.primary }
      "${name}/secondary" = { record = name, role = "SECONDARY", target = record.secondary }
    }
  ]...)
}

data "aws_route53_zone" "this" {
  for_each = local.found

  name         = each.value.name
  private_zone = length(each.value.vpc_ids) > 0
}

resource "aws_route53_zone" "this" {
  for_each = local.created

  name          = each.value.name
  comment       = "Zone ${each.key}"
  force_destroy = var.force_destroy

  dynamic "vpc" {
    for_each = each.value.vpc_ids

    content {
      vpc_id = vpc.value
    }
  }

  tags = merge(var.tags, { "landfall.dev/logical-id" = "zone/${each.key}" })
}

resource "aws_route53_health_check" "this" {
  for_each = var.failover_records

  fqdn              = each.value.health.fqdn
  port              = each.value.health.port
  type              = each.value.health.type
  resource_path     = each.value.health.type == "TCP" ? null : each.value.health.path
  failure_threshold = each.value.health.failures
  request_interval  = 10

  tags = merge(var.tags, { Name = each.key, "landfall.dev/logical-id" = "health-check/${each.key}" })
}

resource "aws_route53_record" "failover" {
  for_each = local.failover_sides

  zone_id         = local.zone_ids[var.failover_records[each.value.record].zone]
  name            = var.failover_records[each.value.record].name
  type            = "CNAME"
  ttl             = var.failover_records[each.value.record].ttl
  records         = [each.value.target]
  set_identifier  = lower(each.value.role)
  health_check_id = each.value.role == "PRIMARY" ? aws_route53_health_check.this[each.value.record].id : null

  failover_routing_policy {
    type = each.value.role
  }
}

resource "aws_route53_record" "plain" {
  for_each = var.records

  zone_id = local.zone_ids[each.value.zone]
  name    = each.value.name
  type    = "CNAME"
  ttl     = each.value.ttl
  records = [each.value.target]
}
