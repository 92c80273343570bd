# What has to be there before any other stack: a place for states, in two regions, and its key.
# Its own state is small and local; keep the file, or import the two buckets again.

module "kms" {
  source = "../../modules/kms"

  providers = {
    aws         = aws
    aws.replica = aws.recovery
  }

  name = var.name
  keys = { states = { description = "Terraform states of ${var.name}" } }
  tags = var.tags
}

module "state_backend" {
  source = "../../modules/state-backend"

  providers = {
    aws         = aws
    aws.replica = aws.recovery
  }

  name            = "${var.name}-states-${var.account_id}-${var.region}"
  kms_key_arn     = module.kms.keys["states"].arn
  replica         = { name = "${var.name}-states-${var.account_id}-${var.recovery_region}", kms_key_arn = module.kms.replicas["states"].arn }
  noncurrent_days = var.noncurrent_days
  force_destroy   = var.disposable
  tags            = var.tags
}
