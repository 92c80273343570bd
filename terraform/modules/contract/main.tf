# The contract is written down in one place, so that no two stacks can disagree about its keys.
# Nothing is created here and no provider is needed.

locals {
  contract = {
    schema_version  = "1.0"
    environment     = var.environment
    role            = var.role
    region          = var.region
    account_id      = var.account_id
    partition       = var.partition
    connection      = var.connection
    locations       = var.locations
    cluster         = var.cluster
    network         = var.network
    workload_iam    = var.workload_iam
    kms             = var.kms
    registries      = var.registries
    repositories    = var.repositories
    databases       = var.databases
    caches          = var.services.caches
    brokers         = var.services.brokers
    search          = var.services.search
    queues          = var.services.queues
    topics          = var.services.topics
    tables          = var.services.tables
    buckets         = var.services.buckets
    file_systems    = var.file_systems
    load_balancing  = var.load_balancing
    dns             = var.dns
    storage_classes = var.storage_classes
    extra           = var.extra
  }
}
