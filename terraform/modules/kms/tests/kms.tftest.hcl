mock_provider "aws" {
  source = "../../tests/mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../tests/mocks"
}

variables {
  name = "shop"
  keys = {
    backups = { description = "Backups" }
    logs    = { description = "Logs", uses = ["logs"] }
  }
}

run "keys_exist_in_both_regions_under_one_id_and_alias" {
  assert {
    condition     = aws_kms_key.this["backups"].multi_region && aws_kms_key.this["backups"].enable_key_rotation
    error_message = "keys must be multi-Region and rotate"
  }

  assert {
    condition     = output.keys["backups"].key_id == output.replicas["backups"].key_id && output.keys["backups"].alias == output.replicas["backups"].alias
    error_message = "a replica must share key id and alias"
  }
}

run "no_replicas_when_not_asked_for" {
  command = plan

  variables {
    replicate = false
  }

  assert {
    condition     = length(aws_kms_replica_key.this) == 0 && length(output.replicas) == 0
    error_message = "there must be no replica"
  }
}

run "a_use_that_is_not_known_is_refused" {
  command = plan

  variables {
    keys = { backups = { description = "Backups", uses = ["everything"] } }
  }

  expect_failures = [var.keys]
}
