output "role_arns" {
  description = "ARNs of the roles: `backup`, `restore` and `prune`."
  value       = { for role, resource in aws_iam_role.this : role => resource.arn }
  depends_on  = [aws_iam_role_policy.this, aws_iam_role_policy.volumes]
}

output "associations" {
  description = "Role of each service account, by `namespace/serviceaccount`, as module eks takes them."
  value       = { for role, resource in aws_iam_role.this : "${var.namespace}/${var.service_accounts[role]}" => resource.arn }
}

output "policies" {
  description = "Policy documents of the roles as attached, without those for volumes."
  value       = local.policies
}
