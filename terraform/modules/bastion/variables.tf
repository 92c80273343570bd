variable "name" {
  description = "Environment that the bastion belongs to; prefixes what it creates."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,37}$", var.name))
    error_message = "name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 38 characters at most."
  }
}

variable "vpc_id" {
  description = "VPC of the bastion."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "vpc_id must start with vpc-."
  }
}

variable "subnet_id" {
  description = "Private subnet of the bastion. It needs a way to SSM: NAT, or the interface endpoints ssm, ssmmessages and ec2messages."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.subnet_id, "subnet-")
    error_message = "subnet_id must start with subnet-."
  }
}

variable "targets" {
  description = "What may be reached through the bastion, by any name: security group and port. The group is opened for it."
  type        = map(object({ security_group_id = string, port = number }))
  nullable    = false

  validation {
    condition     = alltrue([for target in values(var.targets) : startswith(target.security_group_id, "sg-") && target.port > 0 && target.port < 65536])
    error_message = "a target needs a security group id and a port between 1 and 65535."
  }
}

variable "instance_type" {
  description = "Instance type; must match the architecture of the image."
  type        = string
  default     = "t3.micro"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9]+$", var.instance_type))
    error_message = "instance_type must be a type such as t3.micro."
  }
}

variable "ami_id" {
  description = "Image. Null for the newest Amazon Linux 2023 at the time the bastion is made."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null ? true : can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "ami_id must look like ami-0123456789abcdef0."
  }
}

variable "ami_parameter" {
  description = "Public SSM parameter that names the image when `ami_id` is null."
  type        = string
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
  nullable    = false

  validation {
    condition     = startswith(var.ami_parameter, "/aws/service/")
    error_message = "ami_parameter must be a public parameter under /aws/service/."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the disk. Null for the account's default key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias."
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
