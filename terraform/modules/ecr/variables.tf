variable "repositories" {
  description = "Repositories by name, equal in every region. `mutable` is for repositories whose tags move, such as build caches."
  type        = map(object({ mutable = optional(bool, false), keep_untagged_days = optional(number, 14) }))
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.repositories) : can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", name)) && length(name) <= 256])
    error_message = "a repository name holds lower-case letters and digits, separated by `.`, `_`, `-` or `/`."
  }

  validation {
    condition     = alltrue([for repository in values(var.repositories) : repository.keep_untagged_days >= 1])
    error_message = "keep_untagged_days must be at least 1."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts images. Null for ECR's own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "replicate_to_regions" {
  description = "Regions that images are copied to. Only images pushed after this is set are copied. There is one such setting per registry: leave it empty where something else owns it."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.replicate_to_regions : can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", region))])
    error_message = "replicate_to_regions holds regions such as eu-west-1."
  }
}

variable "force_delete" {
  description = "Whether destroy deletes repositories although they hold images. For drills."
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
