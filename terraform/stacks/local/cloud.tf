# Values that look like a cloud account's, so that rewriting is exercised without one.
#
# They are derived from account, region and name: two environments differ in every one of them, and
# the same environment gets the same ones each time it is built. None of them exists anywhere.

locals {
  partition  = startswith(var.region, "cn-") ? "aws-cn" : startswith(var.region, "us-gov-") ? "aws-us-gov" : "aws"
  dns_suffix = local.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  seed       = "${local.partition}/${var.account_id}/${var.region}/${var.name}"

  region_words = split("-", trimprefix(var.region, "us-gov-"))
  compass = {
    central   = "c", north = "n", south = "s", east = "e", west = "w",
    northeast = "ne", northwest = "nw", southeast = "se", southwest = "sw",
  }
  # eu-central-1 is euc1 in zone ids, us-gov-west-1 is usgw1.
  region_code = startswith(var.region, "us-gov-") ? "usg${lookup(local.compass, local.region_words[0], "x")}${local.region_words[1]}" : join("", [
    local.region_words[0],
    join("", [for word in slice(local.region_words, 1, length(local.region_words) - 1) : lookup(local.compass, word, substr(word, 0, 1))]),
    local.region_words[length(local.region_words) - 1],
  ])

  azs = {
    for slot, letter in var.slots : slot => {
      name = "${var.region}${letter}"
      id   = "${local.region_code}-az${index(["a", "b", "c", "d", "e", "f", "g", "h"], letter) + 1}"
    }
  }
  slot_order = sort(keys(var.slots))
  tier_order = sort(keys(var.subnets))
  subnets = {
    for tier, given in var.subnets : tier => {
      for slot in local.slot_order : slot => {
        id   = coalesce(lookup(given, slot, null), "subnet-${substr(sha256("${local.seed}/subnet/${tier}/${slot}"), 0, 17)}")
        cidr = cidrsubnet(var.vpc_cidr, 6, index(local.tier_order, tier) * 8 + index(local.slot_order, slot))
        az   = local.azs[slot].name
      }
    }
  }

  security_groups = {
    for name, id in var.security_groups : name => coalesce(id, "sg-${substr(sha256("${local.seed}/security-group/${name}"), 0, 17)}")
  }
  vpc_id      = "vpc-${substr(sha256("${local.seed}/vpc"), 0, 17)}"
  oidc_issuer = "https://oidc.eks.${var.region}.${local.dns_suffix}/id/${upper(substr(sha256("${local.seed}/oidc"), 0, 32))}"
  cluster_id  = upper(substr(sha256("${local.seed}/cluster"), 0, 32))

  workload_iam = {
    for account, given in var.workload_iam : account => {
      role_arn = coalesce(given.role_arn, "arn:${local.partition}:iam::${var.account_id}:role/${var.name}-${replace(account, "/", "-")}")
      kind     = given.kind
    }
  }

  kms_arns = {
    for name, arn in var.kms : name => coalesce(arn, "arn:${local.partition}:kms:${var.region}:${var.account_id}:key/${uuidv5("url", "${local.seed}/kms/${name}")}")
  }
  kms = {
    for name, arn in local.kms_arns : name => {
      arn    = arn
      key_id = split("key/", arn)[1]
      alias  = "alias/${var.name}-${name}"
    }
  }

  certificates = {
    for domain, arn in var.certificates : domain => coalesce(arn, "arn:${local.partition}:acm:${var.region}:${var.account_id}:certificate/${uuidv5("url", "${local.seed}/certificate/${domain}")}")
  }

  registry     = coalesce(var.registry, "${var.account_id}.dkr.ecr.${var.region}.${local.dns_suffix}")
  repositories = { for name in var.repositories : name => "${local.registry}/${name}" }

  databases = {
    for name, given in var.databases : name => {
      identifier = "${var.name}-${name}"
      endpoint   = coalesce(given.endpoint, "${var.name}-${name}.c${substr(sha256("${local.seed}/databases"), 0, 11)}.${var.region}.rds.${local.dns_suffix}")
      port       = given.port
      secret_arn = "arn:${local.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${var.name}/${name}-${substr(sha256("${local.seed}/secret/${name}"), 0, 6)}"
    }
  }

  queues = {
    for name in var.queues : name => {
      id  = "https://sqs.${var.region}.${local.dns_suffix}/${var.account_id}/${name}"
      arn = "arn:${local.partition}:sqs:${var.region}:${var.account_id}:${name}"
      url = "https://sqs.${var.region}.${local.dns_suffix}/${var.account_id}/${name}"
    }
  }

  buckets = {
    for name in var.buckets : name => {
      id       = "${var.name}-${name}-${var.region}"
      arn      = "arn:${local.partition}:s3:::${var.name}-${name}-${var.region}"
      endpoint = "${var.name}-${name}-${var.region}.s3.${var.region}.${local.dns_suffix}"
    }
  }
}
