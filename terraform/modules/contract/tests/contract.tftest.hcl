variables {
  environment = "shop"
  role        = "primary"
  region      = "eu-central-1"
  account_id  = "123456789012"
}

run "every_key_is_there_whatever_is_given" {
  assert {
    condition     = join(" ", keys(output.contract)) == "account_id brokers buckets caches cluster connection databases dns environment extra file_systems kms load_balancing locations network partition queues region registries repositories role schema_version search storage_classes tables topics workload_iam"
    error_message = "the contract's keys have changed: that is a new schema_version"
  }
}

run "an_empty_string_is_refused" {
  command = plan

  variables {
    registries = { main = "" }
  }

  expect_failures = [output.contract]
}

run "a_cluster_without_a_way_to_it_is_refused" {
  command = plan

  variables {
    cluster = { name = "shop", version = "1.34" }
  }

  expect_failures = [output.contract]
}

run "credentials_in_a_proxy_url_are_refused" {
  command = plan

  variables {
    connection = { kind = "https_proxy", proxy_url = "https://me:secret@proxy.example.com:3128" }
  }

  expect_failures = [var.connection]
}

run "an_endpoint_with_a_port_is_refused" {
  command = plan

  variables {
    databases = { orders = { identifier = "orders", endpoint = "db.example.com:5432" } }
  }

  expect_failures = [var.databases]
}

run "a_subnet_in_an_unknown_slot_is_refused" {
  command = plan

  variables {
    network = { azs = { a = { name = "eu-central-1a" } }, subnets = { private = { b = { id = "subnet-0123456789abcdef0" } } } }
  }

  expect_failures = [var.network]
}

run "a_location_without_a_place_is_refused" {
  command = plan

  variables {
    locations = { main = { kind = "disk" } }
  }

  expect_failures = [var.locations]
}
