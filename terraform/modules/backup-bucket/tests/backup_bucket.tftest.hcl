mock_provider "aws" {
  source = "../../tests/mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../tests/mocks"
}

variables {
  name        = "shop-backups-eu"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
  replica = {
    name        = "shop-backups-us"
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
  }
}

run "the_copy_is_encrypted_with_its_own_regions_key_and_keeps_what_is_deleted" {
  assert {
    condition     = aws_s3_bucket_replication_configuration.this[0].rule[0].destination[0].encryption_configuration[0].replica_kms_key_id == var.replica.kms_key_arn
    error_message = "the copy must be encrypted with the key of its region"
  }

  assert {
    condition     = aws_s3_bucket_replication_configuration.this[0].rule[0].delete_marker_replication[0].status == "Disabled"
    error_message = "deletions must not be copied"
  }

  assert {
    condition     = output.replica.kms_key_arn == var.replica.kms_key_arn
    error_message = "the copy must be named"
  }
}

run "without_a_copy_there_is_no_replication" {
  command = plan

  variables {
    replica = null
  }

  assert {
    condition     = length(aws_s3_bucket_replication_configuration.this) == 0 && length(aws_iam_role.replication) == 0 && output.replica == null
    error_message = "nothing of a copy must be left"
  }
}

run "a_copy_needs_another_name" {
  command = plan

  variables {
    replica = {
      name        = "shop-backups-eu"
      kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
    }
  }

  expect_failures = [var.replica]
}
