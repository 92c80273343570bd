# VPC, subnets per slot and tier, and the ways out.

data "aws_availability_zones" "this" {
  #checkov:skip=CKV_AWS_394:The names are sorted and the first az_count taken, so a new zone moves none; azs pins them altogether.

  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

data "aws_region" "this" {}

locals {
  letters = ["a", "b", "c", "d", "e", "f", "g", "h"]

  # Sorted, so that a zone added to the region later does not move the ones in use.
  found_zones = sort(data.aws_availability_zones.this.names)
  azs         = var.azs != null ? var.azs : { for number in range(var.az_count) : local.letters[number] => local.found_zones[number] }
  zone_ids    = zipmap(data.aws_availability_zones.this.names, data.aws_availability_zones.this.zone_ids)

  slots      = sort(keys(local.azs))
  first_slot = local.slots[0]
  nat_slots  = { none = [], single = [local.first_slot], per_az = local.slots }[var.nat_mode]

  # A slot's range depends on its letter only: no slot moves when another comes or goes.
  private_cidrs = { for slot in local.slots : slot => cidrsubnet(var.cidr, var.subnet_newbits, index(local.letters, slot)) }
  public_cidrs  = { for slot in local.slots : slot => cidrsubnet(var.cidr, var.subnet_newbits, 8 + index(local.letters, slot)) }

  cluster_tags = var.cluster_name == null ? {} : { "kubernetes.io/cluster/${var.cluster_name}" = "shared" }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = merge(var.tags, { Name = var.name, "landfall.dev/logical-id" = "vpc" })
}

# The default group cannot be deleted; without rules nothing can be reached through it by accident.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-default-closed", "landfall.dev/logical-id" = "security-group/default" })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = var.name, "landfall.dev/logical-id" = "internet-gateway" })
}

resource "aws_subnet" "private" {
  for_each = local.private_cidrs

  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value
  availability_zone = local.azs[each.key]

  tags = merge(
    var.tags,
    local.cluster_tags,
    var.karpenter_discovery && var.cluster_name != null ? { "karpenter.sh/discovery" = var.cluster_name } : {},
    {
      Name                              = "${var.name}-private-${each.key}"
      "kubernetes.io/role/internal-elb" = "1"
      "landfall.dev/logical-id"         = "subnet/private/${each.key}"
    },
  )

  lifecycle {
    precondition {
      condition     = contains(data.aws_availability_zones.this.names, local.azs[each.key])
      error_message = "zone ${local.azs[each.key]} of slot ${each.key} is not an available zone of this region."
    }
  }
}

resource "aws_subnet" "public" {
  for_each = local.public_cidrs

  vpc_id                  = aws_vpc.this.id
  cidr_block              = each.value
  availability_zone       = local.azs[each.key]
  map_public_ip_on_launch = false

  tags = merge(
    var.tags,
    local.cluster_tags,
    {
      Name                      = "${var.name}-public-${each.key}"
      "kubernetes.io/role/elb"  = "1"
      "landfall.dev/logical-id" = "subnet/public/${each.key}"
    },
  )
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_slots)

  domain = "vpc"

  tags = merge(var.tags, { Name = "${var.name}-nat-${each.key}", "landfall.dev/logical-id" = "eip/nat/${each.key}" })

  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each = toset(local.nat_slots)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = merge(var.tags, { Name = "${var.name}-${each.key}", "landfall.dev/logical-id" = "nat/${each.key}" })
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-public", "landfall.dev/logical-id" = "route-table/public" })
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  route_table_id = aws_route_table.public.id
  subnet_id      = each.value.id
}

resource "aws_route_table" "private" {
  for_each = toset(local.slots)

  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-private-${each.key}", "landfall.dev/logical-id" = "route-table/private/${each.key}" })
}

resource "aws_route" "private" {
  for_each = var.nat_mode == "none" ? toset([]) : toset(local.slots)

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[var.nat_mode == "single" ? local.first_slot : each.key].id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  route_table_id = aws_route_table.private[each.key].id
  subnet_id      = each.value.id
}
