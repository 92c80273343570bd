# An Aurora cluster. All modes share one address: leaving out the source promotes the replica in place.

resource "aws_rds_cluster_parameter_group" "this" {
  count = local.is_aurora ? 1 : 0

  name_prefix = "${var.name}-"
  description = "Parameters of ${var.name}"
  family      = var.parameter_group_family

  dynamic "parameter" {
    for_each = local.parameters

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  tags = merge(var.tags, { "landfall.dev/logical-id" = "database/${var.logical_id}/parameters" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_rds_cluster" "this" {
  count = local.is_aurora ? 1 : 0

  cluster_identifier            = var.name
  engine                        = var.engine
  engine_version                = var.engine_version
  replication_source_identifier = local.is_replica ? var.source_arn : null
  snapshot_identifier           = var.mode == "restore" ? var.snapshot_identifier : null

  database_name                 = local.is_primary ? var.database_name : null
  master_username               = local.is_primary ? var.master_username : null
  manage_master_user_password   = local.manages_secret ? true : null
  master_user_secret_kms_key_id = local.manages_secret ? var.kms_key_arn : null

  storage_encrypted = true
  kms_key_id        = var.kms_key_arn

  port                            = local.port
  db_subnet_group_name            = aws_db_subnet_group.this.name
  vpc_security_group_ids          = [aws_security_group.this.id]
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.this[0].name

  backup_retention_period   = var.backup_retention_days
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = local.final_snapshot
  apply_immediately         = true

  iam_database_authentication_enabled = true
  enabled_cloudwatch_logs_exports     = local.log_exports

  timeouts {
    create = "120m"
    update = "120m"
    delete = "60m"
  }

  tags = merge(var.tags, { Name = var.name, "landfall.dev/logical-id" = "database/${var.logical_id}" })

  lifecycle {
    # Decided once, when the cluster is made: a promoted replica has neither, whatever the mode says now.
    ignore_changes = [database_name, master_username]
  }
}

resource "aws_rds_cluster_instance" "this" {
  for_each = local.is_aurora ? toset([for number in range(var.aurora_instances) : tostring(number)]) : toset([])

  identifier         = "${var.name}-${each.key}"
  cluster_identifier = aws_rds_cluster.this[0].id
  engine             = var.engine
  engine_version     = var.engine_version
  instance_class     = var.instance_class

  db_subnet_group_name       = aws_db_subnet_group.this.name
  publicly_accessible        = false
  auto_minor_version_upgrade = true
  apply_immediately          = true
  copy_tags_to_snapshot      = true

  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7

  tags = merge(var.tags, { Name = "${var.name}-${each.key}", "landfall.dev/logical-id" = "database/${var.logical_id}/${each.key}" })

  depends_on = [aws_iam_role_policy_attachment.monitoring]
}
