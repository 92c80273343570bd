# Who may enter the cluster, and which roles its workloads take. Both live here and not in the
# cluster's objects, so a rebuilt cluster has them before anything is restored.

locals {
  access_policies = merge([
    for name, entry in var.access_entries : {
      for policy_name, policy in entry.policies : "${name}/${policy_name}" => {
        entry      = name
        policy_arn = "arn:${data.aws_partition.this.partition}:eks::aws:cluster-access-policy/${policy.policy}"
        namespaces = policy.namespaces
      }
    }
  ]...)
}

resource "aws_eks_access_entry" "this" {
  for_each = var.access_entries

  cluster_name      = aws_eks_cluster.this.name
  principal_arn     = each.value.principal_arn
  type              = each.value.type
  kubernetes_groups = length(each.value.kubernetes_groups) > 0 ? each.value.kubernetes_groups : null

  tags = merge(var.tags, { "landfall.dev/logical-id" = "access-entry/${each.key}" })
}

resource "aws_eks_access_policy_association" "this" {
  for_each = local.access_policies

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = aws_eks_access_entry.this[each.value.entry].principal_arn
  policy_arn    = each.value.policy_arn

  access_scope {
    type       = length(each.value.namespaces) > 0 ? "namespace" : "cluster"
    namespaces = length(each.value.namespaces) > 0 ? each.value.namespaces : null
  }
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = var.pod_identity_associations

  cluster_name    = aws_eks_cluster.this.name
  namespace       = split("/", each.key)[0]
  service_account = split("/", each.key)[1]
  role_arn        = each.value

  tags = merge(var.tags, { "landfall.dev/logical-id" = "pod-identity/${each.key}" })
}
