# One RDS instance. All modes share one address: leaving out the source promotes the replica in place.

resource "aws_db_parameter_group" "this" {
  count = local.is_aurora ? 0 : 1

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

resource "aws_db_instance" "this" {
  count = local.is_aurora ? 0 : 1

  identifier          = var.name
  engine              = local.is_replica ? null : var.engine
  engine_version      = local.is_replica ? null : var.engine_version
  instance_class      = var.instance_class
  replicate_source_db = local.is_replica ? var.source_arn : null
  snapshot_identifier = var.mode == "restore" ? var.snapshot_identifier : null

  db_name                       = local.is_primary ? var.database_name : null
  username                      = local.is_primary ? var.master_username : null
  manage_master_user_password   = local.manages_secret ? true : null
  master_user_secret_kms_key_id = local.manages_secret ? var.kms_key_arn : null

  allocated_storage     = local.is_primary ? var.allocated_gib.initial : null
  max_allocated_storage = var.allocated_gib.max
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = var.multi_az
  port                   = local.port
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  parameter_group_name   = aws_db_parameter_group.this[0].name
  publicly_accessible    = false

  backup_retention_period    = var.backup_retention_days
  copy_tags_to_snapshot      = true
  delete_automated_backups   = false
  deletion_protection        = var.deletion_protection
  skip_final_snapshot        = !var.final_snapshot
  final_snapshot_identifier  = local.final_snapshot
  auto_minor_version_upgrade = true
  apply_immediately          = true

  iam_database_authentication_enabled   = true
  enabled_cloudwatch_logs_exports       = local.log_exports
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7

  timeouts {
    create = "120m"
    update = "120m"
    delete = "60m"
  }

  tags = merge(var.tags, { Name = var.name, "landfall.dev/logical-id" = "database/${var.logical_id}" })

  lifecycle {
    # Decided once, when the database is made: a promoted replica has neither, whatever the mode says now.
    ignore_changes = [db_name, username, allocated_storage]
  }

  depends_on = [aws_iam_role_policy_attachment.monitoring]
}
