variable "name" {
  description = "Environment that the roles belong to; prefixes their names. IAM is global, so two environments of one account need two names."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,37}$", var.name))
    error_message = "name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 38 characters at most."
  }
}

variable "bucket_arn" {
  description = "The backup bucket that the roles work with: in a recovery region the copy there."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::[a-z0-9][a-z0-9.-]+$", var.bucket_arn))
    error_message = "bucket_arn must be the ARN of a bucket."
  }
}

variable "prefix" {
  description = "Prefix of the backup location in the bucket, ending in a slash. Empty for the whole bucket."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.prefix == "" || can(regex("^([A-Za-z0-9._-]+/)+$", var.prefix))
    error_message = "prefix must be empty or end in a slash, and hold only letters, digits, dots, hyphens, underscores and slashes."
  }
}

variable "bucket_kms_key_arns" {
  description = "Keys that encrypt the bucket's objects."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.bucket_kms_key_arns) > 0 && alltrue([for arn in var.bucket_kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", arn))])
    error_message = "bucket_kms_key_arns needs at least one key ARN."
  }
}

variable "cluster_arns" {
  description = "Clusters that the backup and restore roles may look up."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.cluster_arns) > 0 && alltrue([for arn in var.cluster_arns : can(regex("^arn:[a-z-]+:eks:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9_-]+$", arn))])
    error_message = "cluster_arns needs at least one cluster ARN, without wildcards."
  }
}

variable "volumes" {
  description = "Whether the roles also make, restore and prune EBS snapshots, and the keys of those volumes. Null leaves EC2 out: snapshots by way of CSI use the driver's role."
  type        = object({ kms_key_arns = set(string) })
  default     = null

  validation {
    condition     = var.volumes == null ? true : length(var.volumes.kms_key_arns) > 0
    error_message = "volumes.kms_key_arns needs at least one key ARN."
  }
}

variable "namespace" {
  description = "Namespace of the service accounts that may take the roles."
  type        = string
  default     = "landfall"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be a valid namespace name."
  }
}

variable "service_accounts" {
  description = "Service account of each role: `backup`, `restore` and `prune`."
  type        = object({ backup = optional(string, "landfall-backup"), restore = optional(string, "landfall-restore"), prune = optional(string, "landfall-prune") })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for account in values(var.service_accounts) : can(regex("^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$", account))])
    error_message = "service_accounts holds valid service account names."
  }
}

variable "trusted_principals" {
  description = "Further principals that may take the roles, for example the role of the machine that runs drills."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.trusted_principals : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "trusted_principals holds ARNs of roles or users; a whole account is too many."
  }
}

variable "oidc_provider_arn" {
  description = "OIDC provider of the cluster, for IRSA beside Pod Identity. Null for Pod Identity alone. Such a trust names one cluster and has to be made anew with it."
  type        = string
  default     = null

  validation {
    condition     = var.oidc_provider_arn == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn must be the ARN of an OIDC provider."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles, if the account demands one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy."
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
