output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "vpc_cidr" {
  description = "IPv4 range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "azs" {
  description = "Zone name and zone id of each slot."
  value       = { for slot, zone in local.azs : slot => { name = zone, id = lookup(local.zone_ids, zone, null) } }
}

output "subnets" {
  description = "Subnets by tier and slot: id, range and zone name."
  value = {
    private = { for slot, subnet in aws_subnet.private : slot => { id = subnet.id, cidr = subnet.cidr_block, az = subnet.availability_zone } }
    public  = { for slot, subnet in aws_subnet.public : slot => { id = subnet.id, cidr = subnet.cidr_block, az = subnet.availability_zone } }
  }
}

output "private_subnet_ids" {
  description = "Ids of the private subnets by slot. Known only when the private ways out are there too."
  value       = { for slot, subnet in aws_subnet.private : slot => subnet.id }
  depends_on  = [aws_route.private, aws_route_table_association.private]
}

output "nat_ips" {
  description = "Public addresses that traffic leaves by, in the order of the slots."
  value       = [for slot in local.nat_slots : aws_eip.nat[slot].public_ip]
}
