variable "name" {
  description = "Name of the bucket. Its access log bucket is `<name>-logs`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,56}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 58 lower-case letters, digits and hyphens (the log bucket's name is longer by five)."
  }
}

variable "logical_id" {
  description = "Logical id in the tag `landfall.dev/logical-id`, equal in every environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9/-]{0,62}$", var.logical_id))
    error_message = "logical_id must hold lower-case letters, digits, hyphens and slashes."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts every object."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "object_lock" {
  description = "Default retention of every object version: `GOVERNANCE` or `COMPLIANCE`, and days. Null for a bucket without object lock. Cannot be added to or taken from a bucket later."
  type        = object({ mode = string, days = number })
  default     = null

  validation {
    condition     = var.object_lock == null ? true : contains(["GOVERNANCE", "COMPLIANCE"], var.object_lock.mode) && var.object_lock.days >= 1 && var.object_lock.days <= 36500
    error_message = "object_lock.mode must be GOVERNANCE or COMPLIANCE, and object_lock.days between 1 and 36500."
  }
}

variable "noncurrent_days" {
  description = "Days after which versions that were replaced or deleted go for good."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of at least 1."
  }
}

variable "transitions" {
  description = "Cheaper storage for what is under a prefix, by any name: `prefix`, `days`, `class`. Only for data that is read rarely and whole; never for what the product lists or locks with."
  type        = map(object({ prefix = string, days = number, class = string }))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for transition in values(var.transitions) :
      length(transition.prefix) > 0 && transition.days >= 0 && contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"], transition.class)
    ])
    error_message = "a transition needs a prefix, and class STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING or GLACIER_IR: other classes cannot be read at once."
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

variable "log_retention_days" {
  description = "Days to keep access logs."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1 && floor(var.log_retention_days) == var.log_retention_days
    error_message = "log_retention_days must be a whole number of at least 1."
  }
}

variable "force_destroy" {
  description = "Whether destroy deletes the bucket although it holds objects. For drills; never for real backups."
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
