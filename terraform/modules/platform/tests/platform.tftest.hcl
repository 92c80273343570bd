mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name    = "shop"
  role    = "primary"
  network = { cidr = "10.20.0.0/16" }
  cluster = {
    version = "1.34"
    node_groups = {
      general = { instance_types = ["m7i.large"], min_size = 2, desired_size = 3, max_size = 6 }
    }
    access_entries = {
      operators = { principal_arn = "arn:aws:iam::123456789012:role/operators", policies = { admin = { policy = "AmazonEKSClusterAdminPolicy" } } }
    }
  }
  databases = {
    orders = { engine = "postgres", engine_version = "16.4", parameter_group_family = "postgres16" }
  }
  kms_keys = {
    for name in ["backups", "volumes", "secrets", "logs", "databases"] : name => {
      arn    = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
      key_id = "mrk-0123456789abcdef0123456789abcdef"
      alias  = "alias/shop-${name}"
    }
  }
  backup_location = { name = "shop-backups", arn = "arn:aws:s3:::shop-backups" }
  bastion         = {}
  registry        = { host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com", repositories = ["shop/web"] }
}

run "an_active_platform_offers_everything" {
  assert {
    condition     = output.contract.connection.kind == "ssm-port-forward" && output.contract.connection.ssm_target == "i-0123456789abcdef0"
    error_message = "a private endpoint with a bastion must be reached through it"
  }

  assert {
    condition     = join(" ", keys(output.contract.network.security_groups)) == "cluster database-orders nodes"
    error_message = "security groups must have logical names"
  }

  assert {
    condition     = output.contract.workload_iam["landfall/landfall-backup"].kind == "pod_identity" && output.contract.databases["orders"].port == 5432
    error_message = "roles and databases must be in the contract"
  }

  assert {
    condition     = output.contract.repositories["shop/web"] == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web"
    error_message = "repositories must be named with their registry"
  }
}

run "a_pilot_runs_few_nodes" {
  command = plan

  variables {
    mode = "pilot"
  }

  assert {
    condition     = local.node_groups["general"].desired_size == 1 && local.node_groups["general"].min_size == 1 && local.node_groups["general"].max_size == 6
    error_message = "a pilot must run its pilot number of nodes"
  }
}

run "a_cold_platform_has_roles_and_a_contract_of_the_same_keys" {
  variables {
    mode = "cold"
  }

  assert {
    condition     = length(module.network) == 0 && length(module.eks) == 0 && length(module.databases) == 0 && length(module.bastion) == 0
    error_message = "cold must cost nothing"
  }

  assert {
    condition     = join(" ", keys(output.contract)) == join(" ", keys(run.an_active_platform_offers_everything.contract)) && output.contract.cluster == null && length(output.role_arns) == 3
    error_message = "the keys must be the same, the cluster absent, the roles there"
  }
}

run "keys_that_are_missing_are_named" {
  command = plan

  variables {
    kms_keys = {}
  }

  expect_failures = [var.kms_keys]
}
