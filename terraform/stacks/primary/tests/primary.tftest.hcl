mock_provider "aws" {
  source = "../../tests/mocks"
}

mock_provider "aws" {
  alias  = "recovery"
  source = "../../tests/mocks"
}

variables {
  name            = "shop"
  account_id      = "123456789012"
  region          = "eu-central-1"
  recovery_region = "eu-west-1"
  network         = { cidr = "10.20.0.0/16" }
  cluster = {
    version        = "1.34"
    node_groups    = { general = { instance_types = ["m7i.large"], min_size = 2, desired_size = 3, max_size = 6 } }
    access_entries = { operators = { principal_arn = "arn:aws:iam::123456789012:role/operators" } }
  }
  repositories = { "shop/web" = {} }
}

run "what_recovery_needs_is_handed_over" {
  override_resource {
    target = module.backup_bucket.module.bucket.aws_s3_bucket.this
    values = { id = "shop-backups-123456789012-eu-central-1", arn = "arn:aws:s3:::shop-backups-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.backup_bucket.module.replica[0].aws_s3_bucket.this
    values = { id = "shop-backups-123456789012-eu-west-1", arn = "arn:aws:s3:::shop-backups-123456789012-eu-west-1" }
  }

  assert {
    condition     = output.recovery_inputs.region == "eu-west-1" && output.recovery_inputs.backup_location.name == "shop-backups-123456789012-eu-west-1"
    error_message = "recovery must be told its region and its copy of the backups"
  }

  assert {
    condition     = startswith(output.recovery_inputs.kms_keys["backups"].arn, "arn:aws:kms:eu-west-1:")
    error_message = "recovery must be told the keys of its region"
  }

  assert {
    condition     = output.dr_contract.role == "primary" && output.dr_contract.locations["main"].bucket == "shop-backups-123456789012-eu-central-1"
    error_message = "the contract must name the bucket of its own region"
  }
}

run "a_region_cannot_be_its_own_refuge" {
  command = plan

  variables {
    recovery_region = "eu-central-1"
  }

  expect_failures = [var.recovery_region]
}
