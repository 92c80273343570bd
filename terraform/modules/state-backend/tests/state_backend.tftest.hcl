mock_provider "aws" {
  source = "../../tests/mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../tests/mocks"
}

variables {
  name        = "shop-states-eu"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
  replica = {
    name        = "shop-states-us"
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
  }
}

run "the_backend_locks_in_the_bucket" {
  assert {
    condition     = output.backend_config.use_lockfile && output.backend_config.encrypt && output.backend_config.kms_key_id == var.kms_key_arn
    error_message = "states must be encrypted and locked"
  }

  assert {
    condition     = strcontains(output.policy, "%KEY%.tflock")
    error_message = "whoever applies must be able to lock"
  }
}

run "versions_that_go_too_early_are_refused" {
  command = plan

  variables {
    noncurrent_days = 1
  }

  expect_failures = [var.noncurrent_days]
}
