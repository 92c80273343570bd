variable "name" {
  description = "Name of the environment: of its network, its cluster and, as a prefix, of its roles. IAM is global, so two environments of one account need two names."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,23}$", var.name))
    error_message = "name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 24 characters at most."
  }
}

variable "role" {
  description = "What the environment is in a recovery: `primary` or `recovery`."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["primary", "recovery"], var.role)
    error_message = "role must be primary or recovery."
  }
}

variable "mode" {
  description = "How much of it exists: `cold` (roles only), `pilot` (network, cluster with the pilot number of nodes, databases that follow), `active` (everything at full size)."
  type        = string
  default     = "active"
  nullable    = false

  validation {
    condition     = contains(["cold", "pilot", "active"], var.mode)
    error_message = "mode must be cold, pilot or active."
  }
}

variable "network" {
  description = "Network, see module network."
  type = object({
    cidr                = string
    azs                 = optional(map(string))
    az_count            = optional(number, 3)
    nat_mode            = optional(string, "per_az")
    interface_endpoints = optional(set(string), [])
    gateway_endpoints   = optional(set(string), ["s3"])
  })
  nullable = false

  validation {
    condition     = can(cidrnetmask(var.network.cidr))
    error_message = "network.cidr must be an IPv4 range."
  }
}

variable "cluster" {
  description = "Cluster, see module eks. `pilot_size` of a node group is its number of nodes in mode pilot."
  type = object({
    version                      = string
    endpoint_public_access_cidrs = optional(set(string), [])
    service_cidr                 = optional(string)
    support_type                 = optional(string, "STANDARD")
    enable_irsa                  = optional(bool, true)
    node_groups = map(object({
      instance_types = list(string)
      min_size       = number
      desired_size   = number
      max_size       = number
      pilot_size     = optional(number, 1)
      slots          = optional(set(string))
      ami_type       = optional(string, "AL2023_x86_64_STANDARD")
      capacity_type  = optional(string, "ON_DEMAND")
      disk_gib       = optional(number, 50)
      labels         = optional(map(string), {})
      taints         = optional(map(object({ value = optional(string), effect = string })), {})
    }))
    access_entries = map(object({
      principal_arn     = string
      type              = optional(string, "STANDARD")
      kubernetes_groups = optional(set(string), [])
      policies          = optional(map(object({ policy = string, namespaces = optional(set(string), []) })), {})
    }))
    addons = optional(map(object({
      version              = optional(string)
      before_compute       = optional(bool, false)
      configuration_values = optional(string)
      preserve             = optional(bool, false)
    })))
    pod_identity_associations = optional(map(string), {})
  })
  nullable = false

  validation {
    condition     = can(regex("^1\\.[2-9][0-9]$", var.cluster.version))
    error_message = "cluster.version must be a minor version such as 1.35."
  }

  validation {
    condition     = alltrue([for group in values(var.cluster.node_groups) : group.pilot_size >= 0 && group.pilot_size <= group.max_size])
    error_message = "a node group's pilot_size must lie between 0 and its max_size."
  }
}

variable "databases" {
  description = "Databases by logical name, see module rds. `mode` says how each comes to be; it is ignored when the platform is cold."
  type = map(object({
    kind                   = optional(string, "instance")
    mode                   = optional(string, "primary")
    source_arn             = optional(string)
    snapshot_identifier    = optional(string)
    engine                 = string
    engine_version         = string
    parameter_group_family = string
    instance_class         = optional(string, "db.t4g.medium")
    aurora_instances       = optional(number, 2)
    allocated_gib          = optional(object({ initial = optional(number, 50), max = optional(number, 500) }), {})
    multi_az               = optional(bool, true)
    database_name          = optional(string)
    backup_retention_days  = optional(number, 14)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name)) && length(name) <= 24])
    error_message = "a database's logical name holds lower-case letters, digits and single hyphens, 24 at most."
  }
}

variable "kms_keys" {
  description = "Keys of the region by logical name: `backups`, `volumes`, `secrets`, `logs` and `databases`."
  type        = map(object({ arn = string, key_id = string, alias = optional(string) }))
  nullable    = false

  validation {
    condition     = length(setsubtract(["backups", "volumes", "secrets", "logs", "databases"], keys(var.kms_keys))) == 0
    error_message = "kms_keys must hold backups, volumes, secrets, logs and databases."
  }
}

variable "backup_location" {
  description = "The backup bucket of the region, and the prefix in it."
  type        = object({ name = string, arn = string, prefix = optional(string, "") })
  nullable    = false

  validation {
    condition     = endswith(var.backup_location.arn, ":${var.backup_location.name}")
    error_message = "backup_location.arn must be the ARN of backup_location.name."
  }
}

variable "roles" {
  description = "Who may take the backup, restore and prune roles, see module iam; `volumes` lets them work with EBS snapshots."
  type = object({
    namespace          = optional(string, "landfall")
    service_accounts   = optional(object({ backup = optional(string, "landfall-backup"), restore = optional(string, "landfall-restore"), prune = optional(string, "landfall-prune") }), {})
    trusted_principals = optional(set(string), [])
    volumes            = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.roles.namespace))
    error_message = "roles.namespace must be a valid namespace name."
  }
}

variable "bastion" {
  description = "Bastion for SSM sessions, see module bastion. Null for none."
  type        = object({ instance_type = optional(string, "t3.micro"), ami_id = optional(string) })
  default     = null

  validation {
    condition     = var.bastion == null ? true : can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9]+$", var.bastion.instance_type))
    error_message = "bastion.instance_type must be a type such as t3.micro."
  }
}

variable "proxy_url" {
  description = "HTTPS proxy through which the private API endpoint is reached. Null for a direct way or the bastion."
  type        = string
  default     = null

  validation {
    condition     = var.proxy_url == null ? true : can(regex("^https?://[^@/]+$", var.proxy_url))
    error_message = "proxy_url must be scheme, host and port, without credentials."
  }
}

variable "registry" {
  description = "Host of the image registry and the repositories' names."
  type        = object({ host = string, repositories = optional(set(string), []) })
  nullable    = false

  validation {
    condition     = !strcontains(var.registry.host, "/")
    error_message = "registry.host is a host without scheme and path."
  }
}

variable "references" {
  description = "What else manifests refer to, passed on to the contract: see module contract."
  type = object({
    services = optional(object({
      caches  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
      brokers = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
      search  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
      queues  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
      topics  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
      tables  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
      buckets = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
    }), {})
    file_systems = optional(map(object({
      id            = string
      dns_name      = optional(string)
      mount_name    = optional(string)
      access_points = optional(map(string), {})
    })), {})
    target_groups   = optional(map(string), {})
    certificates    = optional(map(string), {})
    waf             = optional(map(string), {})
    eips            = optional(list(string), [])
    zones           = optional(map(object({ id = string, name = string })), {})
    security_groups = optional(map(string), {})
    workload_iam    = optional(map(object({ role_arn = string, kind = string })), {})
    extra           = optional(map(string), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = length(setintersection(keys(var.references.security_groups), ["cluster", "nodes"])) == 0
    error_message = "references.security_groups must not name cluster or nodes: those are the platform's own."
  }
}

variable "disposable" {
  description = "Whether destroy may take data with it: no deletion protection, no final snapshots. For drills."
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
