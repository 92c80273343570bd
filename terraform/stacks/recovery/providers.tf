# One region only. With a resource or a provider of the source's region in this state, a refresh would
# hang or fail exactly when the stack is needed.
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { "landfall.dev/environment" = var.name }
  }
}
