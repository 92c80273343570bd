# The environment that takes over. Cold, it is roles only; pilot, a small cluster and databases that
# follow; active, everything. The same names and addresses as stack primary, from the same module.

data "aws_partition" "this" {}

locals {
  database_mode = {
    replica = "replica"
    promote = "primary"
    restore = "restore"
    empty   = "primary"
  }[coalesce(var.database_mode, "empty")]
}

module "platform" {
  source = "../../modules/platform"

  name            = var.name
  role            = "recovery"
  mode            = var.mode
  network         = var.network
  cluster         = var.cluster
  kms_keys        = var.kms_keys
  backup_location = var.backup_location
  roles           = var.roles
  bastion         = var.bastion
  proxy_url       = var.proxy_url
  registry        = { host = "${var.account_id}.dkr.ecr.${var.region}.${data.aws_partition.this.dns_suffix}", repositories = var.repositories }
  references      = merge(var.references, { zones = merge(var.references.zones, var.zones) })
  disposable      = var.disposable
  tags            = var.tags

  databases = {
    for name, database in var.databases : name => merge(database, {
      mode       = local.database_mode
      source_arn = lookup(var.database_sources, name, null)
    })
  }
}
