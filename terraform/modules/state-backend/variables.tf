variable "name" {
  description = "Name of the bucket that keeps states."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,56}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 58 lower-case letters, digits and hyphens."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts states. A state holds whatever its resources hold, secrets too."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "replica" {
  description = "The copy in the region of the `aws.replica` provider: its bucket's name and key. Null for none; then the states are lost with the region."
  type        = object({ name = string, kms_key_arn = string })
  default     = null

  validation {
    condition     = var.replica == null ? true : can(regex("^[a-z0-9][a-z0-9-]{1,56}[a-z0-9]$", var.replica.name)) && var.replica.name != var.name
    error_message = "replica.name must be 3 to 58 lower-case letters, digits and hyphens, and differ from name."
  }
}

variable "noncurrent_days" {
  description = "Days to keep older versions of a state."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 30 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of at least 30."
  }
}

variable "force_destroy" {
  description = "Whether destroy deletes the buckets although they hold states. For tests."
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
