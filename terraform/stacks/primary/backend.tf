terraform {
  # Bucket, region, key and the rest come from `init -backend-config`: stack bootstrap prints them.
  backend "s3" {}
}
