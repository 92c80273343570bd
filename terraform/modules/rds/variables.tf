variable "name" {
  description = "Identifier of the instance or cluster, and prefix of what belongs to it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 50
    error_message = "name must start with a lower-case letter and hold lower-case letters, digits and single hyphens, 50 characters at most."
  }
}

variable "logical_id" {
  description = "Logical name of the database, equal in every environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,62}$", var.logical_id))
    error_message = "logical_id must hold lower-case letters, digits and hyphens."
  }
}

variable "kind" {
  description = "`instance` (one RDS instance) or `aurora` (an Aurora cluster)."
  type        = string
  default     = "instance"
  nullable    = false

  validation {
    condition     = contains(["instance", "aurora"], var.kind)
    error_message = "kind must be instance or aurora."
  }
}

variable "mode" {
  description = "`primary` (its own data), `replica` (follows `source_arn`) or `restore` (starts from `snapshot_identifier`). From replica to primary promotes in place; from or to restore makes a new database."
  type        = string
  default     = "primary"
  nullable    = false

  validation {
    condition     = contains(["primary", "replica", "restore"], var.mode)
    error_message = "mode must be primary, replica or restore."
  }
}

variable "source_arn" {
  description = "ARN of the database that a replica follows, in another region. Read only in mode replica."
  type        = string
  default     = null

  validation {
    condition     = var.mode != "replica" || can(regex("^arn:[a-z-]+:rds:[a-z0-9-]+:[0-9]{12}:(db|cluster):.+$", var.source_arn))
    error_message = "mode replica needs source_arn: the ARN of an RDS instance or Aurora cluster."
  }
}

variable "snapshot_identifier" {
  description = "Snapshot that a restore starts from. Read only in mode restore."
  type        = string
  default     = null

  validation {
    condition     = var.mode != "restore" || try(length(var.snapshot_identifier) > 0, false)
    error_message = "mode restore needs snapshot_identifier; without it the database would come up empty."
  }
}

variable "engine" {
  description = "Database engine, for example `postgres`, `mysql`, `aurora-postgresql`."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["postgres", "mysql", "mariadb", "aurora-postgresql", "aurora-mysql"], var.engine) && startswith(var.engine, "aurora") == (var.kind == "aurora")
    error_message = "engine must be postgres, mysql or mariadb for an instance, aurora-postgresql or aurora-mysql for aurora."
  }
}

variable "engine_version" {
  description = "Engine version."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+(\\.[0-9a-z_]+)*$", var.engine_version))
    error_message = "engine_version must start with a number, for example 16.4."
  }
}

variable "parameter_group_family" {
  description = "Family of the parameter group, for example `postgres16`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+[a-z-]*[0-9.]+$", var.parameter_group_family))
    error_message = "parameter_group_family must be a family such as postgres16 or aurora-mysql8.0."
  }
}

variable "parameters" {
  description = "Parameters by name, beside those that demand TLS."
  type        = map(object({ value = string, apply_method = optional(string, "pending-reboot") }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for parameter in values(var.parameters) : contains(["immediate", "pending-reboot"], parameter.apply_method)])
    error_message = "a parameter's apply_method must be immediate or pending-reboot."
  }
}

variable "instance_class" {
  description = "Class of the instance, or of each Aurora instance."
  type        = string
  default     = "db.t4g.medium"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class must be a class such as db.r7g.large."
  }
}

variable "aurora_instances" {
  description = "Number of instances of an Aurora cluster. 0 keeps a replica cluster's storage up to date with nothing to query it."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.aurora_instances >= 0 && var.aurora_instances <= 15 && floor(var.aurora_instances) == var.aurora_instances
    error_message = "aurora_instances must be a whole number between 0 and 15."
  }
}

variable "allocated_gib" {
  description = "Storage of an instance to begin with, and the size that it may grow to."
  type        = object({ initial = optional(number, 50), max = optional(number, 500) })
  default     = {}
  nullable    = false

  validation {
    condition     = var.allocated_gib.initial >= 20 && var.allocated_gib.max >= var.allocated_gib.initial
    error_message = "allocated_gib.initial must be at least 20, and allocated_gib.max no smaller."
  }
}

variable "multi_az" {
  description = "Whether an instance has a standby in another zone."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_name" {
  description = "Database that a new primary starts with. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.database_name == null ? true : can(regex("^[A-Za-z][A-Za-z0-9_]{0,62}$", var.database_name))
    error_message = "database_name must start with a letter and hold only letters, digits and underscores."
  }
}

variable "master_username" {
  description = "Administrator of a new primary. The password is made and rotated by RDS in Secrets Manager."
  type        = string
  default     = "administrator"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_]{0,15}$", var.master_username))
    error_message = "master_username must start with a letter and hold at most 16 letters, digits and underscores."
  }
}

variable "port" {
  description = "Port that the database listens on. Null for the engine's own."
  type        = number
  default     = null

  validation {
    condition     = var.port == null ? true : var.port > 1023 && var.port < 65536
    error_message = "port must lie between 1024 and 65535."
  }
}

variable "vpc_id" {
  description = "VPC of the database."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "vpc_id must start with vpc-."
  }
}

variable "subnet_ids" {
  description = "Private subnets by slot."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids needs subnets in at least two zones."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may connect, by any name, for example the nodes'."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for id in values(var.client_security_group_ids) : startswith(id, "sg-")])
    error_message = "client_security_group_ids holds security group ids."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts storage, snapshots and the administrator's secret."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key in the database's region, not of an alias."
  }
}

variable "backup_retention_days" {
  description = "Days of automated backups. At least 1: a database without them can have no replica and no point-in-time restore."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be between 1 and 35."
  }
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the database. False for drills."
  type        = bool
  default     = true
  nullable    = false
}

variable "final_snapshot" {
  description = "Whether a deleted database leaves a last snapshot. False for drills."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_exports" {
  description = "Logs that go to CloudWatch. Null for what the engine offers."
  type        = set(string)
  default     = null

  validation {
    condition     = var.log_exports == null ? true : length(setsubtract(var.log_exports, ["postgresql", "upgrade", "audit", "error", "general", "slowquery", "iam-db-auth-error", "instance"])) == 0
    error_message = "log_exports may hold postgresql, upgrade, audit, error, general, slowquery, iam-db-auth-error and instance."
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
