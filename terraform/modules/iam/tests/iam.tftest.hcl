mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                = "shop"
  bucket_arn          = "arn:aws:s3:::shop-backups"
  bucket_kms_key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"]
  cluster_arns        = ["arn:aws:eks:eu-central-1:123456789012:cluster/shop"]
}

run "who_writes_cannot_delete_and_who_deletes_cannot_write" {
  command = plan

  assert {
    condition     = !strcontains(output.policies["backup"], "s3:Delete") && !strcontains(output.policies["restore"], "s3:Delete")
    error_message = "only prune may delete"
  }

  assert {
    condition     = !strcontains(output.policies["prune"], "s3:PutObject") && !strcontains(output.policies["prune"], "s3:DeleteObjectVersion")
    error_message = "prune may neither write nor delete versions"
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : alltrue([for statement in jsondecode(policy).Statement : statement.Resource != "*" && alltrue([for action in flatten([statement.Action]) : !strcontains(action, "*")])])])
    error_message = "no policy may have a wildcard action, nor every resource"
  }

  assert {
    condition     = length(aws_iam_role_policy.volumes) == 0
    error_message = "EC2 must be left out unless asked for"
  }

  assert {
    condition     = join(" ", keys(output.associations)) == "landfall/landfall-backup landfall/landfall-prune landfall/landfall-restore"
    error_message = "each role must belong to a service account"
  }
}

run "a_prefix_limits_listing_and_objects" {
  command = plan

  variables {
    prefix = "team-a/"
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : strcontains(policy, "shop-backups/team-a/") && !strcontains(policy, "shop-backups/*") && strcontains(policy, "\"StringLike\":{\"s3:prefix\":[\"team-a/*\"]}")])
    error_message = "a prefix must limit both listing and objects"
  }
}

run "volumes_are_an_extra" {
  command = plan

  variables {
    volumes = { kms_key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"] }
  }

  assert {
    condition     = join(" ", keys(aws_iam_role_policy.volumes)) == "backup prune restore"
    error_message = "each role must get its volume policy"
  }
}

run "a_whole_account_is_too_many_to_trust" {
  command = plan

  variables {
    trusted_principals = ["arn:aws:iam::123456789012:root"]
  }

  expect_failures = [var.trusted_principals]
}

run "every_cluster_is_too_many" {
  command = plan

  variables {
    cluster_arns = ["arn:aws:eks:eu-central-1:123456789012:cluster/*"]
  }

  expect_failures = [var.cluster_arns]
}
