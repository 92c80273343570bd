mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name         = "shop"
  cidr         = "10.20.0.0/16"
  cluster_name = "shop"
}

run "subnets_are_keyed_by_slot" {
  assert {
    condition     = join(" ", keys(output.subnets.private)) == "a b c" && join(" ", keys(output.subnets.public)) == "a b c"
    error_message = "subnets must be keyed by slot"
  }

  assert {
    condition     = output.azs["b"].name == "eu-central-1b" && output.azs["b"].id == "euc1-az3"
    error_message = "a slot must know its zone's name and id"
  }

  assert {
    condition     = aws_subnet.private["a"].tags["landfall.dev/logical-id"] == "subnet/private/a" && aws_subnet.private["a"].tags["kubernetes.io/role/internal-elb"] == "1"
    error_message = "subnets must carry their logical id and role"
  }
}

run "a_slot_keeps_its_range_whatever_other_slots_there_are" {
  command = plan

  variables {
    azs = { a = "eu-central-1c", c = "eu-central-1a" }
  }

  assert {
    condition     = aws_subnet.private["c"].cidr_block == "10.20.32.0/20" && aws_subnet.public["c"].cidr_block == "10.20.160.0/20"
    error_message = "slot c must have the third range of each tier although there is no b"
  }

  assert {
    condition     = aws_subnet.private["c"].availability_zone == "eu-central-1a"
    error_message = "slot c must be in the zone it was given"
  }
}

run "one_nat_serves_all" {
  command = plan

  variables {
    nat_mode = "single"
  }

  assert {
    condition     = join(" ", keys(aws_nat_gateway.this)) == "a" && length(aws_route.private) == 3
    error_message = "a single NAT gateway must serve every private subnet"
  }
}

run "no_nat_means_no_way_out" {
  command = plan

  variables {
    nat_mode            = "none"
    interface_endpoints = ["ssm", "ecr.api"]
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.private) == 0 && length(aws_vpc_endpoint.interface) == 2
    error_message = "without NAT there must be no default route, and endpoints instead"
  }
}

run "an_unknown_zone_is_refused" {
  command = plan

  variables {
    azs = { a = "eu-central-1a", b = "eu-central-1z" }
  }

  expect_failures = [aws_subnet.private["b"]]
}

run "zone_names_are_no_slots" {
  command = plan

  variables {
    azs = { "eu-central-1a" = "eu-central-1a", "eu-central-1b" = "eu-central-1b" }
  }

  expect_failures = [var.azs]
}

run "a_range_too_small_for_its_subnets_is_refused" {
  command = plan

  variables {
    cidr           = "10.20.0.0/24"
    subnet_newbits = 5
  }

  expect_failures = [var.subnet_newbits]
}
