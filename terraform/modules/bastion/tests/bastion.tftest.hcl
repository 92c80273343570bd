mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name      = "shop"
  vpc_id    = "vpc-0123456789abcdef0"
  subnet_id = "subnet-0123456789abcdef0"
  targets = {
    cluster  = { security_group_id = "sg-0aaaaaaaaaaaaaaaa", port = 443 }
    database = { security_group_id = "sg-0bbbbbbbbbbbbbbbb", port = 5432 }
  }
}

run "nothing_comes_in_but_by_ssm" {
  assert {
    condition     = aws_instance.this.associate_public_ip_address == false
    error_message = "the bastion must have no public address"
  }

  assert {
    condition     = alltrue([for rule in values(aws_vpc_security_group_ingress_rule.targets) : rule.security_group_id != aws_security_group.this.id])
    error_message = "no rule may let anything into the bastion"
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.root_block_device[0].encrypted
    error_message = "IMDSv2 and an encrypted disk are required"
  }
}

run "only_named_targets_are_reached" {
  command = plan

  assert {
    condition     = join(" ", keys(aws_vpc_security_group_egress_rule.targets)) == "database" && join(" ", keys(aws_vpc_security_group_ingress_rule.targets)) == "cluster database"
    error_message = "HTTPS has one rule, other targets one each"
  }
}
