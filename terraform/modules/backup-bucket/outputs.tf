output "name" {
  description = "Name of the bucket."
  value       = module.bucket.name
}

output "arn" {
  description = "ARN of the bucket."
  value       = module.bucket.arn
}

output "kms_key_arn" {
  description = "Key that encrypts the bucket's objects."
  value       = var.kms_key_arn
}

output "replica" {
  description = "Name, ARN and key of the copy. Null without one."
  value = var.replica == null ? null : {
    name        = module.replica[0].name
    arn         = module.replica[0].arn
    kms_key_arn = var.replica.kms_key_arn
  }
}
