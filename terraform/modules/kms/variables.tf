variable "name" {
  description = "Prefix of the aliases: a key's alias is `alias/<name>-<logical name>`, in both regions."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,62}$", var.name))
    error_message = "name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 63 characters at most."
  }
}

variable "keys" {
  description = "Keys by logical name. `uses` says which AWS services work with the key on their own: `logs` (CloudWatch Logs) and `ebs` (encrypted volumes, also those of autoscaling groups)."
  type = map(object({
    description = string
    uses        = optional(set(string), [])
  }))
  nullable = false

  validation {
    condition     = length(var.keys) > 0 && alltrue([for name in keys(var.keys) : can(regex("^[a-z][a-z0-9-]{0,62}$", name))])
    error_message = "keys needs at least one key, with a logical name of lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for key in values(var.keys) : length(setsubtract(key.uses, ["logs", "ebs"])) == 0])
    error_message = "a key's uses may hold logs and ebs."
  }
}

variable "replicate" {
  description = "Whether each key has a replica, with the same key id, in the region of the `aws.replica` provider."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_window_days" {
  description = "Days between deleting a key and losing it, with everything that it encrypted."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be between 7 and 30."
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
