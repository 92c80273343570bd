mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  repositories         = { "shop/web" = {}, "cache" = { mutable = true } }
  replicate_to_regions = ["eu-west-1"]
}

run "tags_do_not_move_unless_asked_to" {
  assert {
    condition     = aws_ecr_repository.this["shop/web"].image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this["cache"].image_tag_mutability == "MUTABLE"
    error_message = "tags must be immutable unless the repository says otherwise"
  }

  assert {
    condition     = output.registry == "123456789012.dkr.ecr.eu-central-1.amazonaws.com" && length(aws_ecr_replication_configuration.this) == 1
    error_message = "the registry must be named and replicate"
  }
}

run "another_owner_of_the_registry_is_left_alone" {
  command = plan

  variables {
    replicate_to_regions = []
  }

  assert {
    condition     = length(aws_ecr_replication_configuration.this) == 0
    error_message = "no replication setting must be made"
  }
}

run "a_repository_name_in_capitals_is_refused" {
  command = plan

  variables {
    repositories = { "Shop" = {} }
  }

  expect_failures = [var.repositories]
}
