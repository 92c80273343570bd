terraform {
  # No provider: terraform_data is built in, so this stack needs no registry and no account.
  required_version = ">= 1.9"

  # Says where the state is by `init -backend-config=path=...`, so that one folder can stand for several environments.
  backend "local" {}
}
