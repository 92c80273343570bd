mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                = "shop"
  kubernetes_version  = "1.34"
  subnet_ids          = { a = "subnet-0aaaaaaaaaaaaaaaa", b = "subnet-0bbbbbbbbbbbbbbbb" }
  secrets_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
  volumes_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"
  access_entries = {
    operators = {
      principal_arn = "arn:aws:iam::123456789012:role/operators"
      policies      = { admin = { policy = "AmazonEKSClusterAdminPolicy" }, shop = { policy = "AmazonEKSViewPolicy", namespaces = ["shop"] } }
    }
  }
  node_groups = {
    general = { instance_types = ["m7i.large"], min_size = 1, desired_size = 2, max_size = 4 }
    zonal   = { instance_types = ["m7i.large"], min_size = 0, desired_size = 0, max_size = 2, slots = ["b"] }
  }
  pod_identity_associations = { "shop/web" = "arn:aws:iam::123456789012:role/shop-web" }
}

run "the_cluster_is_private_and_lets_in_only_who_is_named" {
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access == false && aws_eks_cluster.this.access_config[0].authentication_mode == "API" && aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions == false
    error_message = "the endpoint must be private and the creator must have no access of its own"
  }

  assert {
    condition     = join(" ", keys(aws_eks_access_policy_association.this)) == "operators/admin operators/shop"
    error_message = "each policy of each entry must be associated"
  }

  assert {
    condition     = aws_eks_access_policy_association.this["operators/shop"].access_scope[0].type == "namespace" && aws_eks_access_policy_association.this["operators/admin"].access_scope[0].type == "cluster"
    error_message = "a policy with namespaces must be limited to them"
  }

  assert {
    condition     = output.workload_iam["shop/web"].kind == "pod_identity"
    error_message = "associations must be in the contract's shape"
  }

  assert {
    condition     = output.cluster.compute == "managed" && startswith(output.cluster.oidc_issuer, "https://")
    error_message = "the cluster must be in the contract's shape"
  }
}

run "network_addons_come_before_nodes" {
  command = plan

  assert {
    condition     = join(" ", keys(aws_eks_addon.before_compute)) == "eks-pod-identity-agent kube-proxy vpc-cni" && contains(keys(aws_eks_addon.this), "coredns")
    error_message = "what nodes need must be there before them, what needs nodes after them"
  }
}

run "nodes_hide_their_metadata_from_pods" {
  command = plan

  assert {
    condition     = aws_launch_template.node["general"].metadata_options[0].http_tokens == "required" && aws_launch_template.node["general"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2 must be required, one hop"
  }

  assert {
    condition     = length(aws_eks_node_group.this["zonal"].subnet_ids) == 1 && length(aws_eks_node_group.this["general"].subnet_ids) == 2
    error_message = "slots must limit a group to their zones"
  }
}

run "a_cluster_that_nobody_may_enter_is_refused" {
  command = plan

  variables {
    access_entries = {}
  }

  expect_failures = [var.access_entries]
}

run "an_endpoint_open_to_the_world_is_refused" {
  command = plan

  variables {
    endpoint_public_access_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.endpoint_public_access_cidrs]
}

run "sizes_out_of_order_are_refused" {
  command = plan

  variables {
    node_groups = { general = { instance_types = ["m7i.large"], min_size = 3, desired_size = 2, max_size = 4 } }
  }

  expect_failures = [var.node_groups]
}
