# What instance and Aurora cluster share: subnets, who may connect, parameters.

data "aws_partition" "this" {}

locals {
  postgres = strcontains(var.engine, "postgres")
  port     = coalesce(var.port, local.postgres ? 5432 : 3306)

  tls_parameters = {
    postgres          = { "rds.force_ssl" = { value = "1", apply_method = "pending-reboot" } }
    aurora-postgresql = { "rds.force_ssl" = { value = "1", apply_method = "pending-reboot" } }
    mysql             = { require_secure_transport = { value = "1", apply_method = "pending-reboot" } }
    mariadb           = { require_secure_transport = { value = "1", apply_method = "pending-reboot" } }
    aurora-mysql      = { require_secure_transport = { value = "ON", apply_method = "pending-reboot" } }
  }[var.engine]
  parameters = merge(local.tls_parameters, var.parameters)

  log_exports = var.log_exports != null ? var.log_exports : toset({
    postgres          = ["postgresql", "upgrade"]
    aurora-postgresql = ["postgresql"]
    mysql             = ["audit", "error", "slowquery"]
    mariadb           = ["audit", "error", "slowquery"]
    aurora-mysql      = ["audit", "error", "slowquery"]
  }[var.engine])

  is_aurora  = var.kind == "aurora"
  is_primary = var.mode == "primary"
  is_replica = var.mode == "replica"

  # A replica's secret is its source's; RDS cannot manage a second one for it.
  manages_secret = !local.is_replica

  final_snapshot = var.final_snapshot ? "${var.name}-final" : null
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Private subnets of ${var.name}"
  subnet_ids  = [for slot in sort(keys(var.subnet_ids)) : var.subnet_ids[slot]]

  tags = merge(var.tags, { Name = var.name, "landfall.dev/logical-id" = "database/${var.logical_id}/subnets" })
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
  description = "Database ${var.name}"
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = var.name, "landfall.dev/logical-id" = "security-group/database/${var.logical_id}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "Clients: ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port

  tags = merge(var.tags, { "landfall.dev/logical-id" = "security-group-rule/database/${var.logical_id}/${each.key}" })
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name_prefix        = "${substr(var.name, 0, 26)}-rds-mon-"
  description        = "Enhanced monitoring of the database ${var.name}"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust.json

  tags = merge(var.tags, { "landfall.dev/logical-id" = "role/database/${var.logical_id}/monitoring" })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
