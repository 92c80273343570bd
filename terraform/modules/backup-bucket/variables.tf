variable "name" {
  description = "Name of the bucket in the provider's region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,56}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 58 lower-case letters, digits and hyphens."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the bucket's objects."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "replica" {
  description = "The copy in the region of the `aws.replica` provider: its bucket's name, the key that re-encrypts objects there, and whether S3 guarantees 15 minutes (`time_control`, at a price). Null for a bucket without a copy."
  type = object({
    name         = string
    kms_key_arn  = string
    time_control = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.replica == null ? true : can(regex("^[a-z0-9][a-z0-9-]{1,56}[a-z0-9]$", var.replica.name)) && var.replica.name != var.name
    error_message = "replica.name must be 3 to 58 lower-case letters, digits and hyphens, and differ from name."
  }

  validation {
    condition     = var.replica == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.replica.kms_key_arn))
    error_message = "replica.kms_key_arn must be the ARN of a key in the replica's region."
  }
}

variable "logical_id" {
  description = "Logical id of the bucket in the tag `landfall.dev/logical-id`."
  type        = string
  default     = "bucket/backups"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9/-]{0,55}$", var.logical_id))
    error_message = "logical_id must hold lower-case letters, digits, hyphens and slashes."
  }
}

variable "object_lock" {
  description = "Default retention of every object version, in both buckets: `GOVERNANCE` or `COMPLIANCE`, and days. Null for none. Cannot be changed for an existing bucket. Pruning then frees space only when the retention is over."
  type        = object({ mode = string, days = number })
  default     = { mode = "GOVERNANCE", days = 30 }

  validation {
    condition     = var.object_lock == null ? true : contains(["GOVERNANCE", "COMPLIANCE"], var.object_lock.mode) && var.object_lock.days >= 1 && var.object_lock.days <= 36500
    error_message = "object_lock.mode must be GOVERNANCE or COMPLIANCE, and object_lock.days between 1 and 36500."
  }
}

variable "noncurrent_days" {
  description = "Days after which versions that were replaced or deleted go for good."
  type        = number
  default     = 35
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of at least 1."
  }
}

variable "transitions" {
  description = "Cheaper storage by prefix, see module bucket."
  type        = map(object({ prefix = string, days = number, class = string }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for transition in values(var.transitions) : length(transition.prefix) > 0])
    error_message = "a transition needs a prefix: indexes and locks must stay in standard storage."
  }
}

variable "version_delete_roles" {
  description = "ARNs of the only roles that may delete object versions. Empty leaves that to IAM policies."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.version_delete_roles : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "version_delete_roles holds role ARNs."
  }
}

variable "force_destroy" {
  description = "Whether destroy deletes the buckets although they hold objects. For drills; never for real backups."
  type        = bool
  default     = false
  nullable    = false
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
