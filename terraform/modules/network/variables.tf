variable "name" {
  description = "Name of the network; prefixes what it creates."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 31 characters at most."
  }
}

variable "cidr" {
  description = "IPv4 range of the VPC. Source and target environments should not overlap, so that they can be peered and drilled side by side."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 24, false)
    error_message = "cidr must be an IPv4 range between /16 and /24."
  }
}

variable "azs" {
  description = "Zone of each slot, for example `{ a = \"eu-central-1a\" }`. Null takes the first `az_count` zones of the region. Slots, not zone names, key everything that exists once per zone, so that addresses match across regions."
  type        = map(string)
  default     = null

  validation {
    condition     = var.azs == null ? true : length(var.azs) >= 2 && alltrue([for slot in keys(var.azs) : can(regex("^[a-h]$", slot))])
    error_message = "azs must map at least two slots, each a single letter from a to h, to zone names."
  }

  validation {
    condition     = var.azs == null ? true : length(distinct(values(var.azs))) == length(var.azs)
    error_message = "azs must not name a zone twice."
  }
}

variable "az_count" {
  description = "Number of zones to use when `azs` is null."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = contains([2, 3, 4, 5, 6], var.az_count)
    error_message = "az_count must be between 2 and 6."
  }
}

variable "subnet_newbits" {
  description = "Bits added to the VPC's prefix for each subnet. Eight private and eight public subnets must fit, whatever the number of zones, so that adding a zone moves nothing."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.subnet_newbits >= 4 && var.subnet_newbits <= 12 && floor(var.subnet_newbits) == var.subnet_newbits
    error_message = "subnet_newbits must be a whole number between 4 and 12."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) + var.subnet_newbits <= 28, true)
    error_message = "a subnet must be /28 or larger: lower subnet_newbits or use a larger cidr."
  }
}

variable "nat_mode" {
  description = "NAT gateways: `none`, `single` (in the first slot) or `per_az`."
  type        = string
  default     = "per_az"
  nullable    = false

  validation {
    condition     = contains(["none", "single", "per_az"], var.nat_mode)
    error_message = "nat_mode must be none, single or per_az."
  }
}

variable "cluster_name" {
  description = "Cluster that load balancer and node discovery tags name. Null sets no cluster tag."
  type        = string
  default     = null

  validation {
    condition     = var.cluster_name == null ? true : can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", var.cluster_name))
    error_message = "cluster_name must be a valid EKS cluster name."
  }
}

variable "karpenter_discovery" {
  description = "Whether private subnets carry the discovery tag of Karpenter (needs cluster_name)."
  type        = bool
  default     = false
  nullable    = false
}

variable "gateway_endpoints" {
  description = "Gateway endpoints to create."
  type        = set(string)
  default     = ["s3"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.gateway_endpoints, ["s3", "dynamodb"])) == 0
    error_message = "gateway_endpoints may hold s3 and dynamodb."
  }
}

variable "interface_endpoints" {
  description = "Interface endpoints to create in every private subnet, by service name without region, for example `ecr.api`. A network without NAT needs those of everything its nodes talk to."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9]+([.-][a-z0-9]+)*$", service))])
    error_message = "interface_endpoints holds service names such as sts, ecr.api or ssmmessages."
  }
}

variable "flow_logs" {
  description = "VPC flow logs: whether, how long to keep them, and the key that encrypts them."
  type = object({
    enabled        = optional(bool, true)
    retention_days = optional(number, 365)
    kms_key_arn    = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_logs.retention_days)
    error_message = "flow_logs.retention_days must be a retention that CloudWatch Logs offers, for example 30, 90 or 365."
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
