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
}

run "each_stack_keeps_its_state_in_its_own_region" {
  assert {
    condition     = output.primary_backend.region == "eu-central-1" && output.recovery_backend.region == "eu-west-1" && output.primary_backend.key != output.recovery_backend.key
    error_message = "the recovery stack's state must not be in the source's region"
  }

  assert {
    condition     = output.recovery_backend.use_lockfile && startswith(output.recovery_backend.kms_key_id, "arn:aws:kms:eu-west-1:")
    error_message = "the recovery stack's state must be locked, and encrypted with a key of its region"
  }
}
