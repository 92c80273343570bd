variable "environment" {
  description = "Name of the environment that offers this contract, for example `prod` or `prod-dr`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,62}$", var.environment))
    error_message = "environment must start with a lower-case letter and hold only lower-case letters, digits and hyphens, 63 characters at most."
  }
}

variable "role" {
  description = "What the environment is in a recovery: `primary` (the source) or `recovery` (the target)."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["primary", "recovery"], var.role)
    error_message = "role must be primary or recovery."
  }
}

variable "region" {
  description = "Region of the environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like eu-central-1."
  }
}

variable "account_id" {
  description = "Account of the environment, twelve digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be twelve digits."
  }
}

variable "partition" {
  description = "Partition of the account, as it appears in ARNs."
  type        = string
  default     = "aws"
  nullable    = false

  validation {
    condition     = can(regex("^aws(-[a-z]+)*$", var.partition))
    error_message = "partition must be aws or start with aws-, for example aws-cn."
  }
}

variable "connection" {
  description = "How to reach the cluster: `direct` (its endpoint, or a sandbox or kubeconfig of this machine), `https_proxy` or `ssm-port-forward`. Null when there is no cluster yet."
  type = object({
    kind       = string
    sandbox    = optional(string)
    kubeconfig = optional(string)
    context    = optional(string)
    proxy_url  = optional(string)
    ssm_target = optional(string)
  })
  default = null

  validation {
    condition     = var.connection == null ? true : contains(["direct", "https_proxy", "ssm-port-forward"], var.connection.kind)
    error_message = "connection.kind must be direct, https_proxy or ssm-port-forward."
  }

  validation {
    condition     = var.connection == null ? true : var.connection.kind != "https_proxy" || var.connection.proxy_url != null
    error_message = "connection.proxy_url is needed when connection.kind is https_proxy."
  }

  validation {
    condition     = var.connection == null ? true : var.connection.kind != "ssm-port-forward" || var.connection.ssm_target != null
    error_message = "connection.ssm_target is needed when connection.kind is ssm-port-forward."
  }

  validation {
    # A URL's user part would be a credential, and the contract is stored with every backup.
    condition     = var.connection == null ? true : !strcontains(coalesce(var.connection.proxy_url, "-"), "@")
    error_message = "connection.proxy_url must not hold credentials: the contract is not secret."
  }
}

variable "locations" {
  description = "Where backups are, by logical name: kind `s3` (bucket, region, key) or `disk` (path)."
  type = map(object({
    kind        = string
    bucket      = optional(string)
    prefix      = optional(string)
    region      = optional(string)
    kms_key_arn = optional(string)
    endpoint    = optional(string)
    path        = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for location in values(var.locations) :
      location.kind == "s3" ? location.bucket != null && location.region != null : location.kind == "disk" && location.path != null
    ])
    error_message = "each location is either kind s3 with bucket and region, or kind disk with path."
  }
}

variable "cluster" {
  description = "The Kubernetes cluster. Null when there is none yet."
  type = object({
    name                      = string
    arn                       = optional(string)
    endpoint                  = optional(string)
    certificate_authority     = optional(string)
    version                   = string
    oidc_issuer               = optional(string)
    oidc_provider_arn         = optional(string)
    vpc_id                    = optional(string)
    cluster_security_group_id = optional(string)
    node_security_group_id    = optional(string)
    node_role_arn             = optional(string)
    node_role_name            = optional(string)
    service_cidr              = optional(string)
    ip_family                 = optional(string)
    compute                   = optional(string)
  })
  default = null

  validation {
    condition     = var.cluster == null ? true : can(regex("^1\\.[0-9]{1,3}$", var.cluster.version))
    error_message = "cluster.version must be a minor version such as 1.36."
  }
}

variable "network" {
  description = "Network of the environment. Everything that exists once per zone is keyed by slot, so that the same key names its counterpart elsewhere. Null when there is none yet."
  type = object({
    vpc_cidr        = optional(string)
    azs             = optional(map(object({ name = string, id = optional(string) })), {})
    subnets         = optional(map(map(object({ id = string, cidr = optional(string), az = optional(string) }))), {})
    security_groups = optional(map(string), {})
    nat_ips         = optional(list(string), [])
  })
  default = null

  validation {
    condition = var.network == null ? true : alltrue([
      for slots in values(var.network.subnets) : length(setsubtract(keys(slots), keys(var.network.azs))) == 0
    ])
    error_message = "every slot under network.subnets must be a slot of network.azs."
  }
}

variable "workload_iam" {
  description = "Roles of workloads, by `namespace/serviceaccount`; kind is `irsa` or `pod_identity`."
  type        = map(object({ role_arn = string, kind = string }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.workload_iam) : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", name))])
    error_message = "workload_iam keys must be namespace/serviceaccount."
  }

  validation {
    condition     = alltrue([for entry in values(var.workload_iam) : contains(["irsa", "pod_identity"], entry.kind)])
    error_message = "workload_iam kind must be irsa or pod_identity."
  }
}

variable "kms" {
  description = "Keys, by logical name."
  type        = map(object({ arn = string, key_id = string, alias = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in values(var.kms) : key.alias == null ? true : startswith(key.alias, "alias/")])
    error_message = "a key's alias must start with alias/."
  }
}

variable "registries" {
  description = "Hosts of image registries, by logical name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for host in values(var.registries) : !strcontains(host, "://") && !endswith(host, "/")])
    error_message = "a registry is a host without scheme and without a trailing slash."
  }
}

variable "repositories" {
  description = "Image repositories, by logical name: host and path, no tag."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for url in values(var.repositories) : !strcontains(url, "://") && strcontains(url, "/")])
    error_message = "a repository is host/path without a scheme."
  }
}

variable "databases" {
  description = "Databases, by logical name. Secrets are named, never shown."
  type = map(object({
    identifier      = string
    endpoint        = optional(string)
    port            = optional(number)
    reader_endpoint = optional(string)
    secret_arn      = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for database in values(var.databases) : !strcontains(coalesce(database.endpoint, "-"), ":")])
    error_message = "a database endpoint is a host; the port has its own field."
  }
}

variable "services" {
  description = "What else workloads refer to, by kind and logical name."
  type = object({
    caches  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
    brokers = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
    search  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
    queues  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
    topics  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
    tables  = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
    buckets = optional(map(object({ id = string, arn = optional(string), endpoint = optional(string), reader_endpoint = optional(string), url = optional(string) })), {})
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue(flatten([
      for kind in values(var.services) : [for entry in values(kind) : length(entry.id) > 0]
    ]))
    error_message = "every service needs an id that is not empty."
  }
}

variable "file_systems" {
  description = "Shared file systems, by logical name, with their access points."
  type = map(object({
    id            = string
    dns_name      = optional(string)
    mount_name    = optional(string)
    access_points = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name, system in var.file_systems : startswith(system.id, "fs-")])
    error_message = "a file system id starts with fs-."
  }
}

variable "load_balancing" {
  description = "What load balancer annotations refer to: target groups by logical name, certificates by domain, web ACLs by logical name, elastic IP allocations."
  type = object({
    target_groups = optional(map(string), {})
    certificates  = optional(map(string), {})
    waf           = optional(map(string), {})
    eips          = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for arn in concat(values(var.load_balancing.target_groups), values(var.load_balancing.certificates), values(var.load_balancing.waf)) : startswith(arn, "arn:")])
    error_message = "target groups, certificates and web ACLs are named by their ARN."
  }
}

variable "dns" {
  description = "Hosted zones, by logical name."
  type = object({
    zones = optional(map(object({ id = string, name = string })), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for zone in values(var.dns.zones) : !endswith(zone.name, ".")])
    error_message = "a zone name is written without its final dot."
  }
}

variable "storage_classes" {
  description = "Storage classes that a restore may map volumes to, by logical name."
  type        = map(object({ provisioner = string, kms_key_arn = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for class in values(var.storage_classes) : length(class.provisioner) > 0])
    error_message = "a storage class needs a provisioner."
  }
}

variable "extra" {
  description = "Any further values that manifests mention and that differ between environments."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for value in values(var.extra) : value != null && value != ""])
    error_message = "extra values must not be empty: leave the key out instead."
  }
}
