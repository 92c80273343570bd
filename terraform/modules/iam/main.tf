# Three roles, so that whoever can write backups cannot delete them, and whoever restores can do neither.

data "aws_partition" "this" {}

locals {
  roles = {
    backup  = "Writes backups of ${var.name}"
    restore = "Reads backups and records restores into ${var.name}"
    prune   = "Deletes expired backups of ${var.name}"
  }

  placeholders = {
    name                = var.name
    partition           = data.aws_partition.this.partition
    bucket_arn          = var.bucket_arn
    prefix              = var.prefix
    prefix_test         = var.prefix == "" ? "StringLikeIfExists" : "StringLike"
    bucket_kms_key_arns = jsonencode(sort(var.bucket_kms_key_arns))
    cluster_arns        = jsonencode(sort(var.cluster_arns))
    volume_kms_key_arns = jsonencode(var.volumes == null ? [] : sort(var.volumes.kms_key_arns))
  }

  # Decoded and encoded again: compact, and a broken template fails at plan time.
  policies = {
    for role in keys(local.roles) : role => jsonencode(jsondecode(templatefile("${path.module}/policies/${role}.json.tftpl", local.placeholders)))
  }
  volume_policies = var.volumes == null ? {} : {
    for role in keys(local.roles) : role => jsonencode(jsondecode(templatefile("${path.module}/policies/volumes-${role}.json.tftpl", local.placeholders)))
  }

  oidc_issuer = var.oidc_provider_arn == null ? null : split("oidc-provider/", var.oidc_provider_arn)[1]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.roles

  # The agent names namespace and service account as session tags; any cluster of the account will do,
  # so the role outlives the cluster.
  statement {
    sid     = "PodIdentity"
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-namespace"
      values   = [var.namespace]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-service-account"
      values   = [var.service_accounts[each.key]]
    }
  }

  dynamic "statement" {
    for_each = var.oidc_provider_arn == null ? [] : [true]

    content {
      sid     = "Irsa"
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = [var.oidc_provider_arn]
      }

      condition {
        test     = "StringEquals"
        variable = "${local.oidc_issuer}:sub"
        values   = ["system:serviceaccount:${var.namespace}:${var.service_accounts[each.key]}"]
      }

      condition {
        test     = "StringEquals"
        variable = "${local.oidc_issuer}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.trusted_principals) > 0 ? [true] : []

    content {
      sid     = "TrustedPrincipals"
      actions = ["sts:AssumeRole", "sts:TagSession"]

      principals {
        type        = "AWS"
        identifiers = var.trusted_principals
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name                 = "${var.name}-landfall-${each.key}"
  description          = each.value
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  permissions_boundary = var.permissions_boundary_arn
  max_session_duration = 14400

  tags = merge(var.tags, { "landfall.dev/logical-id" = "role/${each.key}" })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = local.policies[each.key]
}

resource "aws_iam_role_policy" "volumes" {
  for_each = local.volume_policies

  name   = "volumes-${each.key}"
  role   = aws_iam_role.this[each.key].id
  policy = each.value
}
