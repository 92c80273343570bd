# Where states live: a bucket like the backups' one, without object lock, because a state is rewritten
# all the time. Locking uses S3 itself (use_lockfile), so there is no table beside it.

data "aws_region" "this" {}

module "bucket" {
  source = "../backup-bucket"

  providers = {
    aws         = aws
    aws.replica = aws.replica
  }

  name            = var.name
  logical_id      = "bucket/states"
  kms_key_arn     = var.kms_key_arn
  replica         = var.replica == null ? null : { name = var.replica.name, kms_key_arn = var.replica.kms_key_arn, time_control = false }
  object_lock     = null
  noncurrent_days = var.noncurrent_days
  force_destroy   = var.force_destroy
  tags            = var.tags
}
