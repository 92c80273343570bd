output "bucket" {
  description = "Name of the bucket."
  value       = module.bucket.name
}

output "replica_bucket" {
  description = "Name of the copy. Null without one."
  value       = try(module.bucket.replica.name, null)
}

output "backend_config" {
  description = "Values for `terraform init -backend-config`; add `key`."
  value = {
    bucket       = module.bucket.name
    region       = data.aws_region.this.name
    kms_key_id   = var.kms_key_arn
    encrypt      = true
    use_lockfile = true
  }
}

output "policy" {
  description = "Policy document of whoever applies the stack whose state is at `%KEY%`: replace that by the key."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "FindState", Effect = "Allow", Action = ["s3:ListBucket"], Resource = module.bucket.arn, Condition = { StringLike = { "s3:prefix" = ["%KEY%*", "env:/*"] } } },
      { Sid = "ReadAndWriteState", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "${module.bucket.arn}/%KEY%" },
      { Sid = "LockState", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = "${module.bucket.arn}/%KEY%.tflock" },
      { Sid = "EncryptState", Effect = "Allow", Action = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], Resource = var.kms_key_arn },
    ]
  })
}
