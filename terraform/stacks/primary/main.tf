# The environment that runs, and what must already be in the recovery region when it stops.

module "kms" {
  source = "../../modules/kms"

  providers = {
    aws         = aws
    aws.replica = aws.recovery
  }

  name = var.name
  keys = {
    backups   = { description = "Backups of ${var.name}" }
    volumes   = { description = "Node disks and volumes of ${var.name}", uses = ["ebs"] }
    secrets   = { description = "Kubernetes Secrets of ${var.name}" }
    logs      = { description = "Logs of ${var.name}", uses = ["logs"] }
    databases = { description = "Databases of ${var.name}" }
  }
  tags = var.tags
}

module "backup_bucket" {
  source = "../../modules/backup-bucket"

  providers = {
    aws         = aws
    aws.replica = aws.recovery
  }

  name                 = "${var.name}-backups-${var.account_id}-${var.region}"
  kms_key_arn          = module.kms.keys["backups"].arn
  replica              = { name = "${var.name}-backups-${var.account_id}-${var.recovery_region}", kms_key_arn = module.kms.replicas["backups"].arn }
  object_lock          = var.backups.object_lock
  noncurrent_days      = var.backups.noncurrent_days
  version_delete_roles = var.backups.version_delete_roles
  force_destroy        = var.disposable
  tags                 = var.tags
}

module "ecr" {
  source = "../../modules/ecr"

  repositories         = var.repositories
  replicate_to_regions = [var.recovery_region]
  force_delete         = var.disposable
  tags                 = var.tags
}

module "dns" {
  source = "../../modules/dns"

  zones            = var.dns.zones
  failover_records = var.dns.failover_records
  records          = var.dns.records
  force_destroy    = var.disposable
  tags             = var.tags
}

module "platform" {
  source = "../../modules/platform"

  name            = var.name
  role            = "primary"
  network         = var.network
  cluster         = var.cluster
  databases       = var.databases
  kms_keys        = module.kms.keys
  backup_location = { name = module.backup_bucket.name, arn = module.backup_bucket.arn, prefix = var.backups.prefix }
  roles           = var.roles
  bastion         = var.bastion
  proxy_url       = var.proxy_url
  registry        = { host = module.ecr.registry, repositories = keys(var.repositories) }
  references      = merge(var.references, { zones = merge(var.references.zones, module.dns.zones) })
  disposable      = var.disposable
  tags            = var.tags
}
