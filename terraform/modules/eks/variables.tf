variable "name" {
  description = "Name of the cluster."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,37}$", var.name))
    error_message = "name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 38 characters at most (role names are made from it)."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes. A recovery cluster must not be older than its source."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^1\\.[2-9][0-9]$", var.kubernetes_version))
    error_message = "kubernetes_version must be a minor version such as 1.35."
  }
}

variable "subnet_ids" {
  description = "Private subnets by slot: for the control plane's interfaces and for the nodes."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids needs subnets in at least two zones."
  }
}

variable "endpoint_public_access_cidrs" {
  description = "Ranges that may reach the API endpoint from the internet. Empty keeps the endpoint private."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.endpoint_public_access_cidrs : can(cidrnetmask(cidr)) && cidr != "0.0.0.0/0"])
    error_message = "endpoint_public_access_cidrs holds IPv4 ranges; the whole internet is not one of them."
  }
}

variable "service_cidr" {
  description = "Range of service addresses. Null lets EKS choose."
  type        = string
  default     = null

  validation {
    condition     = var.service_cidr == null ? true : can(cidrnetmask(var.service_cidr))
    error_message = "service_cidr must be an IPv4 range."
  }
}

variable "secrets_kms_key_arn" {
  description = "Key that encrypts Secrets in etcd. One way: it can be neither changed nor removed later."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.secrets_kms_key_arn))
    error_message = "secrets_kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "volumes_kms_key_arn" {
  description = "Key that encrypts node disks and that the EBS driver may use for volumes."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.volumes_kms_key_arn))
    error_message = "volumes_kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "logs" {
  description = "Control plane logs: how long to keep them and the key that encrypts them."
  type = object({
    retention_days = optional(number, 365)
    kms_key_arn    = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "logs.retention_days must be a retention that CloudWatch Logs offers, for example 30, 90 or 365."
  }
}

variable "support_type" {
  description = "What happens at the end of standard support: `STANDARD` upgrades the cluster, `EXTENDED` keeps the version at a price."
  type        = string
  default     = "STANDARD"
  nullable    = false

  validation {
    condition     = contains(["STANDARD", "EXTENDED"], var.support_type)
    error_message = "support_type must be STANDARD or EXTENDED."
  }
}

variable "node_groups" {
  description = "Managed node groups by logical name. `slots` limits a group to some zones; null spreads it over all. `desired_size` is enforced: leave groups that an autoscaler sizes at its minimum."
  type = map(object({
    instance_types = list(string)
    min_size       = number
    desired_size   = number
    max_size       = number
    slots          = optional(set(string))
    ami_type       = optional(string, "AL2023_x86_64_STANDARD")
    capacity_type  = optional(string, "ON_DEMAND")
    disk_gib       = optional(number, 50)
    labels         = optional(map(string), {})
    taints         = optional(map(object({ value = optional(string), effect = string })), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.node_groups) : can(regex("^[a-z][a-z0-9-]{0,30}$", name))])
    error_message = "a node group's name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 31 characters at most."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.min_size >= 0 && group.min_size <= group.desired_size && group.desired_size <= group.max_size && group.max_size >= 1])
    error_message = "a node group needs 0 <= min_size <= desired_size <= max_size, and max_size of at least 1."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : length(setsubtract(coalesce(group.slots, []), keys(var.subnet_ids))) == 0])
    error_message = "a node group's slots must be slots of subnet_ids."
  }

  validation {
    condition     = alltrue(flatten([for group in values(var.node_groups) : [for taint in values(group.taints) : contains(["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"], taint.effect)]]))
    error_message = "a taint's effect must be NO_SCHEDULE, NO_EXECUTE or PREFER_NO_SCHEDULE."
  }
}

variable "imds_hop_limit" {
  description = "Hops that the instance metadata service answers over: 1 keeps it from pods (Pod Identity does not need it), 2 lets pods reach it."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2], var.imds_hop_limit)
    error_message = "imds_hop_limit must be 1 or 2."
  }
}

variable "access_entries" {
  description = "Who may enter the cluster, by logical name: the principal, its groups, and EKS access policies by any name with their scope (all namespaces when none are given). Nobody else may, not even the creator."
  type = map(object({
    principal_arn     = string
    type              = optional(string, "STANDARD")
    kubernetes_groups = optional(set(string), [])
    policies = optional(map(object({
      policy     = string
      namespaces = optional(set(string), [])
    })), {})
  }))
  nullable = false

  validation {
    condition     = length(var.access_entries) > 0
    error_message = "access_entries needs at least one entry: a cluster that nobody may enter cannot be restored into."
  }

  validation {
    condition     = length(distinct([for entry in values(var.access_entries) : entry.principal_arn])) == length(var.access_entries)
    error_message = "access_entries must not name a principal twice."
  }

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : contains(["STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX"], entry.type)])
    error_message = "an access entry's type must be STANDARD, EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, EC2 or HYBRID_LINUX."
  }

  validation {
    condition     = alltrue(flatten([for entry in values(var.access_entries) : [for policy in values(entry.policies) : can(regex("^AmazonEKS[A-Za-z]+Policy$", policy.policy))]]))
    error_message = "a policy is an EKS access policy by its name, for example AmazonEKSClusterAdminPolicy."
  }
}

variable "addons" {
  description = "Add-ons by name. `before_compute` ones are there before the first node. Versions left out are EKS's default for the cluster's version."
  type = map(object({
    version              = optional(string)
    before_compute       = optional(bool, false)
    configuration_values = optional(string)
    preserve             = optional(bool, false)
  }))
  default = {
    vpc-cni                = { before_compute = true }
    kube-proxy             = { before_compute = true }
    eks-pod-identity-agent = { before_compute = true }
    coredns                = {}
    aws-ebs-csi-driver     = {}
    snapshot-controller    = {}
    metrics-server         = {}
  }
  nullable = false

  validation {
    condition     = alltrue([for addon in values(var.addons) : addon.configuration_values == null ? true : can(jsondecode(addon.configuration_values))])
    error_message = "an add-on's configuration_values must be JSON."
  }
}

variable "ebs_csi_policy" {
  description = "Name of the AWS managed policy of the EBS driver's role. The newer ones only touch volumes and snapshots tagged `ebs.csi.aws.com/cluster = true`."
  type        = string
  default     = "AmazonEBSCSIDriverPolicy"
  nullable    = false

  validation {
    condition     = can(regex("^AmazonEBSCSIDriver[A-Za-z0-9]*Policy[A-Za-z0-9]*$", var.ebs_csi_policy))
    error_message = "ebs_csi_policy must be a managed policy of the EBS driver, for example AmazonEBSCSIDriverPolicyV2."
  }
}

variable "pod_identity_associations" {
  description = "Roles of workloads, by `namespace/serviceaccount`. Unlike IRSA their trust does not name the cluster, so they survive a rebuild."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.pod_identity_associations) : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", name))])
    error_message = "pod_identity_associations keys must be namespace/serviceaccount."
  }
}

variable "enable_irsa" {
  description = "Whether the account gets an OIDC provider for the cluster, for workloads that still use IRSA."
  type        = bool
  default     = true
  nullable    = false
}

variable "oidc_thumbprints" {
  description = "Thumbprints of the OIDC provider's certificate authority. AWS does not check them for its own issuers, but old provider versions demand one."
  type        = list(string)
  default     = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]
  nullable    = false

  validation {
    condition     = alltrue([for thumbprint in var.oidc_thumbprints : can(regex("^[0-9a-f]{40}$", thumbprint))])
    error_message = "a thumbprint is 40 lower-case hexadecimal digits."
  }
}

variable "tags" {
  description = "Tags of everything that takes tags."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(key, "landfall.dev/") && !startswith(key, "aws:")])
    error_message = "tags must not start with landfall.dev/ or aws:."
  }
}
