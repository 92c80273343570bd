# `true` takes any arguments and does nothing: what is tried here is everything around the sandbox.
variables {
  name                 = "quick-a"
  landfall             = "true"
  bucket_folder        = "./.terraform/tests/bucket"
  bucket_force_destroy = true
}

run "source" {
  assert {
    condition     = output.dr_contract.connection.sandbox == "quick-a" && output.dr_contract.cluster.version == "1.36"
    error_message = "the contract must say which sandbox it is"
  }

  assert {
    condition     = output.dr_contract.locations["main"].path == output.bucket_folder && startswith(output.bucket_folder, "/")
    error_message = "the location must be an absolute path"
  }

  assert {
    condition     = output.dr_contract.network.azs["a"].id == "euc1-az1" && output.dr_contract.partition == "aws"
    error_message = "zone ids must look like AWS's"
  }
}

run "target_has_the_same_keys_and_no_value_of_the_source" {
  command = plan

  variables {
    name          = "quick-b"
    role          = "recovery"
    region        = "us-west-2"
    account_id    = "444455556666"
    bucket_create = false
  }

  assert {
    condition     = join(" ", keys(module.contract.contract)) == join(" ", keys(run.source.dr_contract)) && join(" ", keys(local.workload_iam)) == join(" ", keys(run.source.dr_contract.workload_iam))
    error_message = "source and target must have the same keys"
  }

  assert {
    condition = length(setintersection(
      [for slot in values(local.subnets.private) : slot.id],
      [for slot in values(run.source.dr_contract.network.subnets.private) : slot.id],
    )) == 0 && local.oidc_issuer != run.source.dr_contract.cluster.oidc_issuer && local.kms["volumes"].arn != run.source.dr_contract.kms["volumes"].arn
    error_message = "every cloud-like value must differ"
  }
}

run "other_partitions_have_other_names" {
  command = plan

  variables {
    region = "us-gov-west-1"
  }

  assert {
    condition     = local.partition == "aws-us-gov" && local.azs["b"].id == "usgw1-az2" && startswith(local.kms["volumes"].arn, "arn:aws-us-gov:kms:us-gov-west-1:")
    error_message = "ARNs must carry the partition"
  }
}

run "given_values_win" {
  command = plan

  variables {
    kms          = { volumes = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-4333-8444-555555555555" }
    subnets      = { private = { a = "subnet-0123456789abcdef0" } }
    workload_iam = { "shop/web" = { role_arn = "arn:aws:iam::111122223333:role/mine", kind = "pod_identity" } }
    registry     = "registry.example.com:5000"
  }

  assert {
    condition     = local.kms["volumes"].key_id == "11111111-2222-4333-8444-555555555555" && local.subnets.private["a"].id == "subnet-0123456789abcdef0" && local.workload_iam["shop/web"].role_arn == "arn:aws:iam::111122223333:role/mine"
    error_message = "a given value must be taken as it is"
  }

  assert {
    condition     = local.repositories["shop/web"] == "registry.example.com:5000/shop/web"
    error_message = "repositories must be in the given registry"
  }
}

run "a_full_version_is_refused" {
  command = plan

  variables {
    kubernetes = "1.36.3"
  }

  expect_failures = [var.kubernetes]
}

run "the_root_folder_is_no_bucket" {
  command = plan

  variables {
    bucket_folder = "/"
  }

  expect_failures = [var.bucket_folder]
}
