variable "name" {
  description = "Name of the sandbox and of everything that belongs to it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "name must start with a lower-case letter, end with a letter or digit, and hold only lower-case letters, digits and hyphens, 40 characters at most."
  }
}

variable "role" {
  description = "What this environment is in a recovery: `primary` or `recovery`."
  type        = string
  default     = "primary"
  nullable    = false

  validation {
    condition     = contains(["primary", "recovery"], var.role)
    error_message = "role must be primary or recovery."
  }
}

variable "kubernetes" {
  description = "Minor version of Kubernetes that the sandbox runs, for example `1.36`. Another version is another, empty cluster."
  type        = string
  default     = "1.36"
  nullable    = false

  validation {
    condition     = can(regex("^1\\.[1-9][0-9]{0,2}$", var.kubernetes))
    error_message = "kubernetes must be a minor version such as 1.36."
  }
}

variable "nodes" {
  description = "Number of fake nodes; with 0 no Pod ever becomes ready."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.nodes >= 0 && var.nodes <= 100 && floor(var.nodes) == var.nodes
    error_message = "nodes must be a whole number between 0 and 100."
  }
}

variable "real_node" {
  description = "Whether the sandbox has one real node, whose pods really run, beside the fake ones. Needs root and cgroups."
  type        = bool
  default     = false
  nullable    = false
}

variable "landfall" {
  description = "The landfall binary: a path, or a name found in PATH."
  type        = string
  default     = "landfall"
  nullable    = false

  validation {
    condition     = length(trimspace(var.landfall)) > 0
    error_message = "landfall must name a binary."
  }
}

variable "logs_folder" {
  description = "Folder in which destroy keeps the sandbox's logs, in a folder of its name; empty to remove them with the sandbox."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.logs_folder == "" || (length(trimspace(var.logs_folder)) > 0 && !can(regex("^/+$", var.logs_folder)))
    error_message = "logs_folder must be empty or a path, not the root folder."
  }
}

variable "bucket_folder" {
  description = "Folder on disk that stands for the backup bucket."
  type        = string
  nullable    = false

  validation {
    condition     = length(trimspace(var.bucket_folder)) > 0 && !can(regex("^/+$", var.bucket_folder)) && !can(regex("(^|/)\\.\\.(/|$)", var.bucket_folder))
    error_message = "bucket_folder must be a path, not the root folder, and hold no `..`."
  }
}

variable "bucket_create" {
  description = "Whether this stack makes the bucket folder and deletes it again. False for the environment that restores from the other one's bucket."
  type        = bool
  default     = true
  nullable    = false
}

variable "bucket_force_destroy" {
  description = "Whether destroy deletes the bucket folder although it holds files. Only ever applies to a folder that this stack made."
  type        = bool
  default     = false
  nullable    = false
}

variable "location" {
  description = "Logical name of the backup location in the contract."
  type        = string
  default     = "main"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,62}$", var.location))
    error_message = "location must start with a lower-case letter and hold only lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region that this environment pretends to be in."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like eu-central-1."
  }
}

variable "account_id" {
  description = "Account that this environment pretends to be in."
  type        = string
  default     = "111122223333"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be twelve digits."
  }
}

variable "vpc_cidr" {
  description = "Address range that this environment pretends to have."
  type        = string
  default     = "10.20.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 8, 255)) && !strcontains(var.vpc_cidr, ":")
    error_message = "vpc_cidr must be an IPv4 range of /24 or larger."
  }
}

variable "slots" {
  description = "Zone slots that this environment pretends to have: slot to the letter of its zone."
  type        = map(string)
  default     = { a = "a", b = "b", c = "c" }
  nullable    = false

  validation {
    condition     = length(var.slots) > 0 && length(var.slots) <= 8 && alltrue([for slot, letter in var.slots : can(regex("^[a-h]$", slot)) && can(regex("^[a-h]$", letter))])
    error_message = "slots must map one to eight slots (a to h) to zone letters (a to h)."
  }
}

variable "workload_iam" {
  description = "Roles that service accounts pretend to have, by `namespace/serviceaccount`. What is not given is derived from account, region and name."
  type        = map(object({ role_arn = optional(string), kind = optional(string, "irsa") }))
  default     = { "shop/web" = {}, "shop/worker" = {} }
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.workload_iam) : length(split("/", name)) == 2])
    error_message = "workload_iam keys must be namespace/serviceaccount."
  }
}

variable "security_groups" {
  description = "Security groups by logical name; null for an id derived from account, region and name."
  type        = map(string)
  default     = { nodes = null, load-balancer = null }
  nullable    = false

  validation {
    condition     = alltrue([for id in values(var.security_groups) : id == null || can(regex("^sg-[0-9a-f]{8,17}$", id))])
    error_message = "a security group id looks like sg-0123456789abcdef0."
  }
}

variable "subnets" {
  description = "Subnet ids by tier and slot; what is not given is derived."
  type        = map(map(string))
  default     = { private = {}, public = {} }
  nullable    = false

  validation {
    condition     = length(var.subnets) <= 8 && alltrue(flatten([for slots in values(var.subnets) : [for id in values(slots) : can(regex("^subnet-[0-9a-f]{8,17}$", id))]]))
    error_message = "subnets holds at most eight tiers, and a subnet id looks like subnet-0123456789abcdef0."
  }
}

variable "kms" {
  description = "Key ARNs by logical name; null for one that is derived."
  type        = map(string)
  default     = { backups = null, volumes = null }
  nullable    = false

  validation {
    condition     = alltrue([for arn in values(var.kms) : arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "a key is named by its ARN, arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "certificates" {
  description = "Certificate ARNs by domain; null for one that is derived."
  type        = map(string)
  default     = { "shop.example.com" = null }
  nullable    = false

  validation {
    condition     = alltrue([for arn in values(var.certificates) : arn == null || can(regex("^arn:[a-z-]+:acm:", arn))])
    error_message = "a certificate is named by its ARN, arn:aws:acm:..."
  }
}

variable "registry" {
  description = "Host of the image registry; null for the account's registry in the region."
  type        = string
  default     = null

  validation {
    condition     = var.registry == null ? true : length(var.registry) > 0 && !strcontains(var.registry, "/")
    error_message = "registry is a host without scheme and path."
  }
}

variable "repositories" {
  description = "Names of image repositories in the registry."
  type        = set(string)
  default     = ["shop/web", "shop/worker"]
  nullable    = false

  validation {
    condition     = alltrue([for name in var.repositories : can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", name))])
    error_message = "a repository name holds lower-case letters and digits, separated by `.`, `_`, `-` or `/`."
  }
}

variable "databases" {
  description = "Databases by logical name; endpoint and port may be given."
  type        = map(object({ endpoint = optional(string), port = optional(number, 5432) }))
  default     = { orders = {} }
  nullable    = false

  validation {
    condition     = alltrue([for database in values(var.databases) : database.port > 0 && database.port < 65536])
    error_message = "a database port lies between 1 and 65535."
  }
}

variable "queues" {
  description = "Names of queues."
  type        = set(string)
  default     = ["orders"]
  nullable    = false

  validation {
    condition     = alltrue([for name in var.queues : can(regex("^[A-Za-z0-9_-]{1,80}$", name))])
    error_message = "a queue name holds letters, digits, hyphens and underscores, 80 at most."
  }
}

variable "buckets" {
  description = "Logical names of buckets that workloads use; their names carry environment and region."
  type        = set(string)
  default     = ["assets"]
  nullable    = false

  validation {
    condition     = alltrue([for name in var.buckets : can(regex("^[a-z0-9][a-z0-9-]{0,30}$", name))])
    error_message = "a bucket's logical name holds lower-case letters, digits and hyphens, 31 at most."
  }
}

variable "extra" {
  description = "Any further values for the contract."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for value in values(var.extra) : value != null && value != ""])
    error_message = "extra values must not be empty: leave the key out instead."
  }
}
