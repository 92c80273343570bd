provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { "landfall.dev/environment" = var.name }
  }
}

# Copies only: keys, buckets and images. The recovery environment itself is stack recovery.
provider "aws" {
  alias               = "recovery"
  region              = var.recovery_region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { "landfall.dev/environment" = var.name }
  }
}
