output "contract" {
  description = "The environment's contract. Null inside it means absent; no value is an empty string."
  value       = local.contract

  precondition {
    condition     = !strcontains(jsonencode(local.contract), ":\"\"")
    error_message = "a value of the contract is an empty string; leave it out (null) instead."
  }

  precondition {
    condition     = var.cluster == null || var.connection != null
    error_message = "a contract that names a cluster must say how to reach it (connection)."
  }
}
