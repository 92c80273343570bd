# The backup bucket and its copy in another region.

module "bucket" {
  source = "../bucket"

  name                 = var.name
  logical_id           = var.logical_id
  kms_key_arn          = var.kms_key_arn
  object_lock          = var.object_lock
  noncurrent_days      = var.noncurrent_days
  transitions          = var.transitions
  version_delete_roles = var.version_delete_roles
  force_destroy        = var.force_destroy
  tags                 = var.tags
}

module "replica" {
  source = "../bucket"
  count  = var.replica == null ? 0 : 1

  providers = {
    aws = aws.replica
  }

  name                 = var.replica.name
  logical_id           = var.logical_id
  kms_key_arn          = var.replica.kms_key_arn
  object_lock          = var.object_lock
  noncurrent_days      = var.noncurrent_days
  transitions          = var.transitions
  version_delete_roles = var.version_delete_roles
  force_destroy        = var.force_destroy
  tags                 = var.tags
}
