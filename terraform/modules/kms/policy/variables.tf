variable "account_id" {
  description = "Account that owns the key."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be twelve digits."
  }
}

variable "account_root" {
  description = "ARN of the account's root, through which IAM policies decide about the key."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:root$", var.account_root))
    error_message = "account_root must be an ARN such as arn:aws:iam::111122223333:root."
  }
}

variable "dns_suffix" {
  description = "Domain of the partition's service principals."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9.-]+$", var.dns_suffix))
    error_message = "dns_suffix must be a domain such as amazonaws.com."
  }
}

variable "region" {
  description = "Region of the key."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like eu-central-1."
  }
}

variable "uses" {
  description = "Services that work with the key on their own: `logs`, `ebs`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.uses, ["logs", "ebs"])) == 0
    error_message = "uses may hold logs and ebs."
  }
}
