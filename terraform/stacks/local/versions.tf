terraform {
  # No provider: terraform_data is built in, so this stack needs no registry and no account.
  required_version = ">= 1.9"
}
