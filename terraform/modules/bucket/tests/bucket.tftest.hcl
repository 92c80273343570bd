mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name        = "shop-backups"
  logical_id  = "bucket/backups"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
}

run "a_bucket_is_versioned_encrypted_and_closed" {
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "versioning must be on"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
    error_message = "the named key must encrypt"
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.this.restrict_public_buckets && aws_s3_bucket_logging.this.target_bucket == aws_s3_bucket.logs.id
    error_message = "the bucket must be closed and logged"
  }

  assert {
    condition     = length(aws_s3_bucket_object_lock_configuration.this) == 0
    error_message = "object lock must not come unasked"
  }
}

run "object_lock_is_set_when_asked_for" {
  command = plan

  variables {
    object_lock = { mode = "COMPLIANCE", days = 7 }
  }

  assert {
    condition     = aws_s3_bucket.this.object_lock_enabled && aws_s3_bucket_object_lock_configuration.this[0].rule[0].default_retention[0].days == 7
    error_message = "the retention must be the one asked for"
  }
}

run "a_retention_mode_that_does_not_exist_is_refused" {
  command = plan

  variables {
    object_lock = { mode = "FOREVER", days = 7 }
  }

  expect_failures = [var.object_lock]
}

run "an_alias_is_no_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/backups"
  }

  expect_failures = [var.kms_key_arn]
}

run "storage_that_cannot_be_read_at_once_is_refused" {
  command = plan

  variables {
    transitions = { packs = { prefix = "kopia/", days = 30, class = "DEEP_ARCHIVE" } }
  }

  expect_failures = [var.transitions]
}
