output "cluster" {
  description = "The cluster, in the shape of the contract."
  value = {
    name                      = aws_eks_cluster.this.name
    arn                       = aws_eks_cluster.this.arn
    endpoint                  = aws_eks_cluster.this.endpoint
    certificate_authority     = aws_eks_cluster.this.certificate_authority[0].data
    version                   = aws_eks_cluster.this.version
    oidc_issuer               = aws_eks_cluster.this.identity[0].oidc[0].issuer
    oidc_provider_arn         = one(aws_iam_openid_connect_provider.this[*].arn)
    vpc_id                    = aws_eks_cluster.this.vpc_config[0].vpc_id
    cluster_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
    node_security_group_id    = aws_security_group.nodes.id
    node_role_arn             = aws_iam_role.node.arn
    node_role_name            = aws_iam_role.node.name
    service_cidr              = aws_eks_cluster.this.kubernetes_network_config[0].service_ipv4_cidr
    ip_family                 = aws_eks_cluster.this.kubernetes_network_config[0].ip_family
    compute                   = "managed"
  }
}

output "node_groups" {
  description = "Node groups by logical name: ARN and desired size."
  value       = { for name, group in aws_eks_node_group.this : name => { arn = group.arn, desired_size = group.scaling_config[0].desired_size } }
}

output "workload_iam" {
  description = "Roles of workloads by `namespace/serviceaccount`, in the shape of the contract."
  value = {
    for name, association in aws_eks_pod_identity_association.this : name => { role_arn = association.role_arn, kind = "pod_identity" }
  }
}

output "ebs_csi_role_arn" {
  description = "Role of the EBS driver. Null without that add-on."
  value       = one(aws_iam_role.ebs_csi[*].arn)
}
