output "instance_id" {
  description = "Instance that SSM sessions start on."
  value       = aws_instance.this.id
}

output "security_group_id" {
  description = "Security group of the bastion."
  value       = aws_security_group.this.id
}
