mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name       = "shop-dr"
  account_id = "123456789012"
  region     = "eu-west-1"
  network    = { cidr = "10.30.0.0/16" }
  cluster = {
    version        = "1.35"
    node_groups    = { general = { instance_types = ["m7i.large"], min_size = 2, desired_size = 3, max_size = 6 } }
    access_entries = { operators = { principal_arn = "arn:aws:iam::123456789012:role/operators" } }
  }
  kms_keys = {
    for name in ["backups", "volumes", "secrets", "logs", "databases"] : name => {
      arn    = "arn:aws:kms:eu-west-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
      key_id = "mrk-0123456789abcdef0123456789abcdef"
    }
  }
  backup_location = { name = "shop-backups", arn = "arn:aws:s3:::shop-backups" }
  repositories    = ["shop/web"]
  databases       = { orders = { engine = "postgres", engine_version = "16.4", parameter_group_family = "postgres16" } }
}

run "cold_is_the_default" {
  assert {
    condition     = output.dr_contract.role == "recovery" && output.dr_contract.cluster == null && length(output.role_arns) == 3
    error_message = "cold must offer roles and no cluster"
  }
}

run "databases_do_not_come_up_empty_by_accident" {
  command = plan

  variables {
    mode = "active"
  }

  expect_failures = [var.database_mode]
}

run "a_replica_needs_to_know_what_to_follow" {
  command = plan

  variables {
    mode          = "pilot"
    database_mode = "replica"
  }

  expect_failures = [var.database_sources]
}

run "pilot_databases_follow" {
  command = plan

  variables {
    mode             = "pilot"
    database_mode    = "replica"
    database_sources = { orders = "arn:aws:rds:eu-central-1:123456789012:db:shop-orders" }
  }

  assert {
    condition     = local.database_mode == "replica"
    error_message = "pilot databases must follow their source"
  }
}

run "a_promoted_database_is_a_primary" {
  command = plan

  variables {
    mode          = "active"
    database_mode = "promote"
  }

  assert {
    condition     = local.database_mode == "primary"
    error_message = "a promoted database must follow nobody"
  }
}
