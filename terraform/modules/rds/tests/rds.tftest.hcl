mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                      = "shop-orders"
  logical_id                = "orders"
  engine                    = "postgres"
  engine_version            = "16.4"
  parameter_group_family    = "postgres16"
  vpc_id                    = "vpc-0123456789abcdef0"
  subnet_ids                = { a = "subnet-0aaaaaaaaaaaaaaaa", b = "subnet-0bbbbbbbbbbbbbbbb" }
  client_security_group_ids = { nodes = "sg-0123456789abcdef0" }
  kms_key_arn               = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
  database_name             = "orders"
}

run "a_primary_keeps_its_secret_in_secrets_manager" {
  assert {
    condition     = aws_db_instance.this[0].manage_master_user_password && aws_db_instance.this[0].storage_encrypted && !aws_db_instance.this[0].publicly_accessible
    error_message = "the password must be managed, storage encrypted, the instance private"
  }

  assert {
    condition     = output.database.port == 5432 && !strcontains(output.database.endpoint, ":") && output.database.secret_arn != null
    error_message = "the database must be in the contract's shape"
  }

  assert {
    condition     = length(aws_rds_cluster.this) == 0
    error_message = "an instance is no cluster"
  }
}

run "a_replica_follows_its_source" {
  command = plan

  variables {
    mode       = "replica"
    source_arn = "arn:aws:rds:eu-west-1:123456789012:db:shop-orders"
  }

  assert {
    condition     = aws_db_instance.this[0].replicate_source_db == var.source_arn && aws_db_instance.this[0].manage_master_user_password == null
    error_message = "a replica must name its source and have no secret of its own"
  }
}

run "a_restore_starts_from_its_snapshot" {
  command = plan

  variables {
    mode                = "restore"
    snapshot_identifier = "shop-orders-final"
  }

  assert {
    condition     = aws_db_instance.this[0].snapshot_identifier == "shop-orders-final"
    error_message = "a restore must start from the snapshot"
  }
}

run "aurora_is_a_cluster_with_instances" {
  variables {
    kind                   = "aurora"
    engine                 = "aurora-postgresql"
    parameter_group_family = "aurora-postgresql16"
  }

  assert {
    condition     = join(" ", keys(aws_rds_cluster_instance.this)) == "0 1" && output.database.reader_endpoint != null && length(aws_db_instance.this) == 0
    error_message = "aurora must be a cluster with two instances and a reader endpoint"
  }
}

run "a_replica_without_a_source_is_refused" {
  command = plan

  variables {
    mode = "replica"
  }

  expect_failures = [var.source_arn]
}

run "a_restore_without_a_snapshot_is_refused" {
  command = plan

  variables {
    mode = "restore"
  }

  expect_failures = [var.snapshot_identifier]
}

run "an_engine_of_the_other_kind_is_refused" {
  command = plan

  variables {
    kind = "aurora"
  }

  expect_failures = [var.engine]
}
