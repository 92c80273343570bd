# One environment, put together the same way wherever it runs, so that addresses and contract keys
# of source and target are the same.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  exists      = var.mode != "cold"
  cluster_arn = "arn:${data.aws_partition.this.partition}:eks:${data.aws_region.this.name}:${data.aws_caller_identity.this.account_id}:cluster/${var.name}"

  node_groups = {
    for name, group in var.cluster.node_groups : name => merge(
      { for key, value in group : key => value if key != "pilot_size" },
      var.mode == "active" ? {} : { min_size = min(group.min_size, group.pilot_size), desired_size = group.pilot_size },
    )
  }
}

module "iam" {
  source = "../iam"

  name                = var.name
  bucket_arn          = var.backup_location.arn
  prefix              = var.backup_location.prefix
  bucket_kms_key_arns = [var.kms_keys["backups"].arn]
  cluster_arns        = [local.cluster_arn]
  volumes             = var.roles.volumes ? { kms_key_arns = [var.kms_keys["volumes"].arn] } : null
  namespace           = var.roles.namespace
  service_accounts    = var.roles.service_accounts
  trusted_principals  = var.roles.trusted_principals
  tags                = var.tags
}

module "network" {
  source = "../network"
  count  = local.exists ? 1 : 0

  name                = var.name
  cidr                = var.network.cidr
  azs                 = var.network.azs
  az_count            = var.network.az_count
  nat_mode            = var.network.nat_mode
  cluster_name        = var.name
  interface_endpoints = var.network.interface_endpoints
  gateway_endpoints   = var.network.gateway_endpoints
  flow_logs           = { kms_key_arn = var.kms_keys["logs"].arn }
  tags                = var.tags
}

module "eks" {
  source = "../eks"
  count  = local.exists ? 1 : 0

  name                         = var.name
  kubernetes_version           = var.cluster.version
  subnet_ids                   = module.network[0].private_subnet_ids
  endpoint_public_access_cidrs = var.cluster.endpoint_public_access_cidrs
  service_cidr                 = var.cluster.service_cidr
  secrets_kms_key_arn          = var.kms_keys["secrets"].arn
  volumes_kms_key_arn          = var.kms_keys["volumes"].arn
  logs                         = { kms_key_arn = var.kms_keys["logs"].arn }
  support_type                 = var.cluster.support_type
  node_groups                  = local.node_groups
  access_entries               = var.cluster.access_entries
  addons                       = var.cluster.addons
  enable_irsa                  = var.cluster.enable_irsa
  pod_identity_associations    = merge(var.cluster.pod_identity_associations, module.iam.associations)
  tags                         = var.tags
}

module "databases" {
  source   = "../rds"
  for_each = local.exists ? var.databases : {}

  name                      = "${var.name}-${each.key}"
  logical_id                = each.key
  kind                      = each.value.kind
  mode                      = each.value.mode
  source_arn                = each.value.source_arn
  snapshot_identifier       = each.value.snapshot_identifier
  engine                    = each.value.engine
  engine_version            = each.value.engine_version
  parameter_group_family    = each.value.parameter_group_family
  instance_class            = each.value.instance_class
  aurora_instances          = each.value.aurora_instances
  allocated_gib             = each.value.allocated_gib
  multi_az                  = each.value.multi_az
  database_name             = each.value.database_name
  backup_retention_days     = each.value.backup_retention_days
  vpc_id                    = module.network[0].vpc_id
  subnet_ids                = module.network[0].private_subnet_ids
  client_security_group_ids = { nodes = module.eks[0].cluster.node_security_group_id }
  kms_key_arn               = var.kms_keys["databases"].arn
  deletion_protection       = !var.disposable
  final_snapshot            = !var.disposable
  tags                      = var.tags
}

module "bastion" {
  source = "../bastion"
  count  = local.exists && var.bastion != null ? 1 : 0

  name          = var.name
  vpc_id        = module.network[0].vpc_id
  subnet_id     = module.network[0].private_subnet_ids[sort(keys(module.network[0].private_subnet_ids))[0]]
  targets       = { cluster = { security_group_id = module.eks[0].cluster.cluster_security_group_id, port = 443 } }
  instance_type = var.bastion.instance_type
  ami_id        = var.bastion.ami_id
  kms_key_arn   = var.kms_keys["volumes"].arn
  tags          = var.tags
}
