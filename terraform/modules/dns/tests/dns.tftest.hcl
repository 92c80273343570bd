mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  zones = { main = { name = "shop.example.com" } }
  failover_records = {
    web = { zone = "main", name = "www", primary = "a.example.net", secondary = "b.example.net", health = { fqdn = "a.example.net" } }
  }
  records = { orders = { zone = "main", name = "orders-db", target = "db.example.net" } }
}

run "a_failover_record_has_two_sides_and_one_check" {
  assert {
    condition     = join(" ", keys(aws_route53_record.failover)) == "web/primary web/secondary"
    error_message = "both sides must be there before they are needed"
  }

  assert {
    condition     = aws_route53_record.failover["web/primary"].health_check_id != null && aws_route53_record.failover["web/secondary"].health_check_id == null
    error_message = "only the primary side is checked"
  }

  assert {
    condition     = output.zones["main"].name == "shop.example.com"
    error_message = "zones must be in the contract's shape"
  }
}

run "a_record_that_lives_too_long_is_refused" {
  command = plan

  variables {
    failover_records = {
      web = { zone = "main", name = "www", primary = "a.example.net", secondary = "b.example.net", ttl = 3600, health = { fqdn = "a.example.net" } }
    }
  }

  expect_failures = [var.failover_records]
}

run "a_record_in_no_zone_is_refused" {
  command = plan

  variables {
    records = { orders = { zone = "other", name = "orders-db", target = "db.example.net" } }
  }

  expect_failures = [var.records]
}
