variable "zones" {
  description = "Zones by logical name: the domain, and the VPCs that see it (`vpc_ids`; none makes the zone public). `create = false` uses a zone that is there."
  type = map(object({
    name    = string
    create  = optional(bool, true)
    vpc_ids = optional(set(string), [])
  }))
  nullable = false

  validation {
    condition     = alltrue([for zone in values(var.zones) : can(regex("^([a-z0-9_]([a-z0-9-]*[a-z0-9])?\\.)+[a-z0-9-]{2,}$", zone.name))])
    error_message = "a zone's name is a lower-case domain without its final dot."
  }
}

variable "failover_records" {
  description = "Records that follow a health check, by any name: the primary target while it is healthy, the secondary one otherwise. They are made before they are needed: in an outage a health check flips by itself, while Route 53's control plane may not answer."
  type = map(object({
    zone      = string
    name      = string
    primary   = string
    secondary = string
    ttl       = optional(number, 60)
    health = object({
      fqdn     = string
      path     = optional(string, "/")
      port     = optional(number, 443)
      type     = optional(string, "HTTPS")
      failures = optional(number, 3)
    })
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for record in values(var.failover_records) : contains(keys(var.zones), record.zone)])
    error_message = "a record's zone must be one of zones."
  }

  validation {
    condition     = alltrue([for record in values(var.failover_records) : record.ttl >= 0 && record.ttl <= 300])
    error_message = "a failover record's ttl must be 300 seconds at most, or nobody notices in time."
  }

  validation {
    condition     = alltrue([for record in values(var.failover_records) : contains(["HTTP", "HTTPS", "TCP"], record.health.type) && record.health.failures >= 1 && record.health.failures <= 10])
    error_message = "health.type must be HTTP, HTTPS or TCP, and health.failures between 1 and 10."
  }
}

variable "records" {
  description = "Plain CNAME records by any name, for example a stable name for each database, so that manifests never name its endpoint."
  type        = map(object({ zone = string, name = string, target = string, ttl = optional(number, 60) }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for record in values(var.records) : contains(keys(var.zones), record.zone)])
    error_message = "a record's zone must be one of zones."
  }
}

variable "force_destroy" {
  description = "Whether destroy deletes zones although they hold records that something else made. For drills."
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
