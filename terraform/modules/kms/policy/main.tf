# The key policy of one region. A replica has its own, because conditions name the region.

data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_109:In a key policy the resource * is the key itself, and the account's root must be able to manage it.
  #checkov:skip=CKV_AWS_111:In a key policy the resource * is the key itself.
  #checkov:skip=CKV_AWS_356:In a key policy the resource * is the key itself; its ARN is not known before it exists.

  # Without this statement a key can become unmanageable; IAM policies grant nothing on it either.
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [var.account_root]
    }
  }

  dynamic "statement" {
    for_each = contains(var.uses, "logs") ? [true] : []

    content {
      sid       = "CloudWatchLogs"
      actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["logs.${var.region}.${var.dns_suffix}"]
      }

      condition {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:*:logs:${var.region}:${var.account_id}:*"]
      }
    }
  }

  # Whoever in the account may use volumes may use the key through EC2, and only through it. Naming
  # the autoscaling service role instead would fail in an account that does not have it yet.
  dynamic "statement" {
    for_each = contains(var.uses, "ebs") ? [true] : []

    content {
      sid       = "VolumesThroughEc2"
      actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"]
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:CallerAccount"
        values   = [var.account_id]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["ec2.${var.region}.${var.dns_suffix}"]
      }
    }
  }
}
