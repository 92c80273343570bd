module "contract" {
  source = "../../modules/contract"

  environment = terraform_data.sandbox.output.name
  role        = var.role
  region      = var.region
  account_id  = var.account_id
  partition   = local.partition

  # The real cluster behind the contract; whoever connects asks the sandbox for its kubeconfig.
  connection = {
    kind    = "direct"
    sandbox = terraform_data.sandbox.output.name
  }
  locations = {
    (var.location) = {
      kind = "disk"
      path = terraform_data.bucket.output.folder
    }
  }

  cluster = {
    name                      = var.name
    arn                       = "arn:${local.partition}:eks:${var.region}:${var.account_id}:cluster/${var.name}"
    endpoint                  = "https://${local.cluster_id}.gr7.${var.region}.eks.${local.dns_suffix}"
    version                   = var.kubernetes
    oidc_issuer               = local.oidc_issuer
    oidc_provider_arn         = "arn:${local.partition}:iam::${var.account_id}:oidc-provider/${trimprefix(local.oidc_issuer, "https://")}"
    vpc_id                    = local.vpc_id
    cluster_security_group_id = "sg-${substr(sha256("${local.seed}/security-group/cluster"), 0, 17)}"
    node_security_group_id    = lookup(local.security_groups, "nodes", null)
    service_cidr              = "10.96.0.0/12"
    ip_family                 = "ipv4"
    compute                   = "sandbox"
  }

  network = {
    vpc_cidr        = var.vpc_cidr
    azs             = local.azs
    subnets         = local.subnets
    security_groups = local.security_groups
  }

  workload_iam   = local.workload_iam
  kms            = local.kms
  registries     = { main = local.registry }
  repositories   = local.repositories
  databases      = local.databases
  services       = { queues = local.queues, buckets = local.buckets }
  load_balancing = { certificates = local.certificates }
  storage_classes = {
    for name in ["standard"] : name => {
      provisioner = "ebs.csi.aws.com"
      kms_key_arn = try(local.kms["volumes"].arn, null)
    }
  }
  extra = var.extra
}
