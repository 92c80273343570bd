# A sandbox control plane and a bucket folder, made and unmade by local commands.
#
# Each has two resources. Terraform does not run destroy-time provisioners of a tainted resource, so
# a create that fails or is interrupted would leave its half behind. The first resource has nothing
# that can fail on create and so is never tainted; its destroy-time command cleans up whatever is
# there. The second, which depends on it, does the creating.
#
# Values reach the scripts through their environment, never as part of a command's text.

locals {
  # Absolute and without a trailing slash, because the owner file's name is made from it.
  bucket_folder = trimsuffix(abspath(pathexpand(var.bucket_folder)), "/")
  bucket_owner  = one(terraform_data.bucket_teardown[*].id)
}

resource "terraform_data" "sandbox_teardown" {
  # Changed in place: a binary that moved, another place for logs. Replaced: whatever makes it another
  # cluster, so that the old one is taken down under its own name.
  input = {
    landfall = var.landfall
    name     = var.name
    logs     = var.logs_folder
  }
  triggers_replace = {
    name       = var.name
    kubernetes = var.kubernetes
    nodes      = var.nodes
    real_node  = var.real_node
  }

  provisioner "local-exec" {
    when        = destroy
    quiet       = true
    interpreter = ["/bin/sh", "-eu", "-c"]
    command     = "exec /bin/sh -eu \"$SCRIPT\""
    environment = {
      SCRIPT          = "${path.module}/scripts/sandbox-down.sh"
      LANDFALL_BINARY = self.input.landfall
      SANDBOX_NAME    = self.input.name
      LOGS_FOLDER     = self.input.logs
    }
  }
}

resource "terraform_data" "sandbox" {
  input            = { name = var.name }
  triggers_replace = terraform_data.sandbox_teardown.id

  provisioner "local-exec" {
    quiet       = true
    interpreter = ["/bin/sh", "-eu", "-c"]
    command     = "exec /bin/sh -eu \"$SCRIPT\""
    environment = {
      SCRIPT             = "${path.module}/scripts/sandbox-up.sh"
      LANDFALL_BINARY    = var.landfall
      SANDBOX_NAME       = var.name
      SANDBOX_KUBERNETES = var.kubernetes
      SANDBOX_NODES      = var.nodes
      SANDBOX_REAL_NODE  = var.real_node
    }
  }
}

# Ownership of the bucket folder is written beside it before it is made: only a folder whose owner
# file names this resource is ever deleted.
resource "terraform_data" "bucket_teardown" {
  count = var.bucket_create ? 1 : 0

  input = {
    folder        = local.bucket_folder
    force_destroy = var.bucket_force_destroy
  }
  triggers_replace = local.bucket_folder

  provisioner "local-exec" {
    when        = destroy
    quiet       = true
    interpreter = ["/bin/sh", "-eu", "-c"]
    command     = "exec /bin/sh -eu \"$SCRIPT\""
    environment = {
      SCRIPT        = "${path.module}/scripts/bucket-delete.sh"
      BUCKET_FOLDER = self.input.folder
      BUCKET_OWNER  = self.id
      FORCE_DESTROY = self.input.force_destroy
    }
  }
}

resource "terraform_data" "bucket" {
  input            = { folder = local.bucket_folder }
  triggers_replace = [local.bucket_folder, local.bucket_owner]

  provisioner "local-exec" {
    quiet       = true
    interpreter = ["/bin/sh", "-eu", "-c"]
    command     = "exec /bin/sh -eu \"$SCRIPT\""
    environment = {
      SCRIPT        = "${path.module}/scripts/bucket-create.sh"
      BUCKET_FOLDER = local.bucket_folder
      BUCKET_OWNER  = coalesce(local.bucket_owner, "none")
    }
  }
}
