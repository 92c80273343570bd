locals {
  connection_kind = (
    var.proxy_url != null ? "https_proxy" :
    length(var.cluster.endpoint_public_access_cidrs) == 0 && var.bastion != null ? "ssm-port-forward" :
    "direct"
  )
}

module "contract" {
  source = "../contract"

  environment = var.name
  role        = var.role
  region      = data.aws_region.this.name
  account_id  = data.aws_caller_identity.this.account_id
  partition   = data.aws_partition.this.partition

  connection = !local.exists ? null : {
    kind       = local.connection_kind
    proxy_url  = var.proxy_url
    ssm_target = local.connection_kind == "ssm-port-forward" ? module.bastion[0].instance_id : null
  }

  locations = {
    main = {
      kind        = "s3"
      bucket      = var.backup_location.name
      prefix      = var.backup_location.prefix == "" ? null : var.backup_location.prefix
      region      = data.aws_region.this.name
      kms_key_arn = var.kms_keys["backups"].arn
    }
  }

  cluster = one(module.eks[*].cluster)

  network = !local.exists ? null : {
    vpc_cidr = module.network[0].vpc_cidr
    azs      = module.network[0].azs
    subnets  = module.network[0].subnets
    nat_ips  = module.network[0].nat_ips
    security_groups = merge(
      var.references.security_groups,
      { cluster = module.eks[0].cluster.cluster_security_group_id, nodes = module.eks[0].cluster.node_security_group_id },
      { for name, database in module.databases : "database-${name}" => database.security_group_id },
    )
  }

  workload_iam = merge(var.references.workload_iam, try(module.eks[0].workload_iam, {}))
  kms          = var.kms_keys
  registries   = { main = var.registry.host }
  repositories = { for name in var.registry.repositories : name => "${var.registry.host}/${name}" }
  databases    = { for name, database in module.databases : name => database.database }
  services     = var.references.services
  file_systems = var.references.file_systems

  load_balancing = {
    target_groups = var.references.target_groups
    certificates  = var.references.certificates
    waf           = var.references.waf
    eips          = var.references.eips
  }

  dns             = { zones = var.references.zones }
  storage_classes = { standard = { provisioner = "ebs.csi.aws.com", kms_key_arn = var.kms_keys["volumes"].arn } }
  extra           = var.references.extra
}
