# A way into private networks by SSM sessions only: no inbound rule, no key pair, no public address.

data "aws_partition" "this" {}

data "aws_ssm_parameter" "ami" {
  count = var.ami_id == null ? 1 : 0

  name = var.ami_parameter
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = "${var.name}-bastion"
  description        = "Bastion of ${var.name}: SSM sessions, nothing else"
  assume_role_policy = data.aws_iam_policy_document.trust.json

  tags = merge(var.tags, { "landfall.dev/logical-id" = "role/bastion" })
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "this" {
  name = "${var.name}-bastion"
  role = aws_iam_role.this.name

  tags = merge(var.tags, { "landfall.dev/logical-id" = "instance-profile/bastion" })
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-bastion-"
  description = "Bastion of ${var.name}: nothing comes in"
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-bastion", "landfall.dev/logical-id" = "security-group/bastion" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "HTTPS: SSM, and whatever speaks TLS on 443"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(var.tags, { "landfall.dev/logical-id" = "security-group-rule/bastion/https" })
}

resource "aws_vpc_security_group_egress_rule" "targets" {
  for_each = { for name, target in var.targets : name => target if target.port != 443 }

  security_group_id            = aws_security_group.this.id
  description                  = "Target: ${each.key}"
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port

  tags = merge(var.tags, { "landfall.dev/logical-id" = "security-group-rule/bastion/to/${each.key}" })
}

resource "aws_vpc_security_group_ingress_rule" "targets" {
  for_each = var.targets

  security_group_id            = each.value.security_group_id
  description                  = "Bastion of ${var.name}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port

  tags = merge(var.tags, { "landfall.dev/logical-id" = "security-group-rule/bastion/from/${each.key}" })
}

resource "aws_instance" "this" {
  ami                         = var.ami_id != null ? var.ami_id : nonsensitive(data.aws_ssm_parameter.ami[0].value)
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  vpc_security_group_ids      = [aws_security_group.this.id]
  iam_instance_profile        = aws_iam_instance_profile.this.name
  associate_public_ip_address = false
  ebs_optimized               = true
  monitoring                  = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 20
    encrypted   = true
    kms_key_id  = var.kms_key_arn

    tags = merge(var.tags, { Name = "${var.name}-bastion", "landfall.dev/logical-id" = "volume/bastion" })
  }

  tags = merge(var.tags, { Name = "${var.name}-bastion", "landfall.dev/logical-id" = "bastion" })

  lifecycle {
    # A newer image is no reason to lose the way in; replace on purpose with -replace.
    ignore_changes = [ami]
  }

  depends_on = [aws_iam_role_policy_attachment.this]
}
