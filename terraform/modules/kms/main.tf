# Multi-Region keys: what one region encrypted, the other can decrypt, by the same key id.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

data "aws_region" "replica" {
  provider = aws.replica
}

locals {
  account_root = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root"
  replicated   = var.replicate ? var.keys : {}
}

module "policy" {
  source   = "./policy"
  for_each = var.keys

  account_id   = data.aws_caller_identity.this.account_id
  account_root = local.account_root
  dns_suffix   = data.aws_partition.this.dns_suffix
  region       = data.aws_region.this.name
  uses         = each.value.uses
}

module "replica_policy" {
  source   = "./policy"
  for_each = local.replicated

  account_id   = data.aws_caller_identity.this.account_id
  account_root = local.account_root
  dns_suffix   = data.aws_partition.this.dns_suffix
  region       = data.aws_region.replica.name
  uses         = each.value.uses
}

resource "aws_kms_key" "this" {
  for_each = var.keys

  description             = each.value.description
  multi_region            = true
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = module.policy[each.key].json

  tags = merge(var.tags, { Name = "${var.name}-${each.key}", "landfall.dev/logical-id" = "kms/${each.key}" })
}

resource "aws_kms_alias" "this" {
  for_each = var.keys

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}

resource "aws_kms_replica_key" "this" {
  for_each = local.replicated
  provider = aws.replica

  description             = each.value.description
  primary_key_arn         = aws_kms_key.this[each.key].arn
  deletion_window_in_days = var.deletion_window_days
  policy                  = module.replica_policy[each.key].json

  tags = merge(var.tags, { Name = "${var.name}-${each.key}", "landfall.dev/logical-id" = "kms/${each.key}" })
}

resource "aws_kms_alias" "replica" {
  for_each = local.replicated
  provider = aws.replica

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_replica_key.this[each.key].key_id
}
