output "keys" {
  description = "Keys of this region by logical name: ARN, key id and alias."
  value = {
    for name, key in aws_kms_key.this : name => { arn = key.arn, key_id = key.key_id, alias = aws_kms_alias.this[name].name }
  }
}

output "replicas" {
  description = "Replica keys by logical name: ARN, key id and alias. Empty without replication."
  value = {
    for name, key in aws_kms_replica_key.this : name => { arn = key.arn, key_id = key.key_id, alias = aws_kms_alias.replica[name].name }
  }
}
