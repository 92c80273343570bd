//! Names of annotations, flags, variables and fields whose meaning is published.

use crate::class::NameKind::{self, *};

pub const ZONE_KEYS: &[&str] = &[
    "topology.kubernetes.io/zone",
    "topology.ebs.csi.aws.com/zone",
    "topology.k8s.aws/zone-id",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.efs.csi.aws.com/zone",
    "topology.fsx.csi.aws.com/zone",
    "topology.ebs.csi.eks.amazonaws.com/zone",
];

pub const REGION_KEYS: &[&str] = &["topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"];

type Names = &'static [NameKind];

const ANNOTATION_PREFIXES: &[&str] = &[
    "eks.amazonaws.com/",
    "alb.ingress.kubernetes.io/",
    "service.beta.kubernetes.io/aws-",
    "external-dns.alpha.kubernetes.io/",
    "external-dns.kubernetes.io/",
    "services.k8s.aws/",
    "karpenter.sh/",
    "karpenter.k8s.aws/",
    "iam.amazonaws.com/",
    "ebs.csi.aws.com/",
    "efs.csi.aws.com/",
    "crossplane.io/",
    "vpc.amazonaws.com/",
    "k8s.amazonaws.com/",
];

/// Ends of annotation names, and what stands in them.
const ANNOTATION_NAMES: &[(&str, Names)] = &[
    ("/subnets", &[Subnet]),
    ("-subnets", &[Subnet]),
    ("/security-groups", &[SecurityGroup]),
    ("-security-groups", &[SecurityGroup]),
    ("access-log-s3-bucket-name", &[Bucket]),
    ("load-balancer-attributes", &[Bucket]),
    ("nlb-attributes", &[Bucket]),
    ("load-balancer-name", &[LoadBalancer]),
    ("aws-load-balancer-name", &[LoadBalancer]),
    ("/hostname", &[Domain]),
    ("/target", &[Domain]),
    ("additional-resource-tags", &[Cluster]),
    ("/tags", &[Cluster]),
    ("-tags", &[Cluster]),
    ("iam.amazonaws.com/role", &[Role]),
    ("crossplane.io/external-name", &[Bucket, Queue, Topic, Table, Stream, Role, Cluster, Database]),
];

/// What stands in an annotation; `None` when nobody says.
pub fn annotation(key: &str) -> Option<Names> {
    if !ANNOTATION_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
        return None;
    }
    Some(ANNOTATION_NAMES.iter().find(|(end, _)| key.ends_with(end)).map_or(&[], |(_, names)| names))
}

/// What stands in a label or a node selector's value.
pub fn label_names(key: &str) -> Names {
    match key {
        "eks.amazonaws.com/nodegroup" | "alpha.eksctl.io/nodegroup-name" => &[NodeGroup],
        "alpha.eksctl.io/cluster-name" | "karpenter.sh/discovery" => &[Cluster],
        _ => &[],
    }
}

/// What stands in a container's variable; `None` for variables of an application's own.
pub fn environment(name: &str) -> Option<Names> {
    Some(match name {
        "CLUSTER_NAME" | "EKS_CLUSTER_NAME" => &[Cluster],
        "INTERRUPTION_QUEUE" => &[Queue],
        "CLUSTER_ENDPOINT" | "AWS_REGION" | "AWS_DEFAULT_REGION" | "AWS_ROLE_ARN" | "AWS_ACCOUNT_ID" | "VPC_ID"
        | "AWS_VPC_ID" | "AWS_ENDPOINT_URL" => &[],
        _ => return None,
    })
}

const FLAGS: &[(&str, Names)] = &[
    ("cluster-name", &[Cluster]),
    ("cluster-endpoint", &[]),
    ("aws-region", &[]),
    ("region", &[]),
    ("aws-vpc-id", &[]),
    ("aws-vpc-tags", &[Cluster]),
    ("default-tags", &[Cluster]),
    ("backend-security-group", &[SecurityGroup]),
    ("extra-tags", &[Cluster]),
    ("extra-volume-tags", &[Cluster]),
    ("k8s-tag-cluster-id", &[Cluster]),
    // In a recovery the owner stays the same; see the external-dns transform.
    ("txt-owner-id", &[]),
    ("domain-filter", &[Domain]),
    ("zone-id-filter", &[]),
    ("aws-zone-tags", &[Cluster]),
    ("aws-assume-role", &[]),
    ("node-group-auto-discovery", &[Cluster]),
    ("nodes", &[AutoscalingGroup]),
    ("interruption-queue", &[Queue]),
];

/// What stands after `--flag=`; `None` for flags of an application's own.
pub fn flag(text: &str) -> Option<Names> {
    let name = text.strip_prefix("--")?;
    FLAGS.iter().find(|(flag, _)| *flag == name).map(|(_, names)| *names)
}

const TYPED_GROUPS: &[&str] = &[
    "elbv2.k8s.aws",
    "gateway.k8s.aws",
    "eks.amazonaws.com",
    "karpenter.sh",
    "karpenter.k8s.aws",
    "crd.k8s.amazonaws.com",
    "vpcresources.k8s.aws",
    "networking.k8s.aws",
    "storage.k8s.io",
    "snapshot.storage.k8s.io",
    "external-secrets.io",
    "generators.external-secrets.io",
    "secrets-store.csi.x-k8s.io",
    "keda.sh",
    "cert-manager.io",
    "acme.cert-manager.io",
    "externaldns.k8s.io",
    "velero.io",
    "argoproj.io",
    "source.toolkit.fluxcd.io",
    "awspca.cert-manager.io",
];

const TYPED_GROUP_ENDS: &[&str] = &[".services.k8s.aws", ".aws.upbound.io", ".aws.crossplane.io", ".aws.m.upbound.io"];

/// Whether every field of the group's kinds speaks of infrastructure.
pub fn is_typed_group(group: &str) -> bool {
    TYPED_GROUPS.contains(&group) || TYPED_GROUP_ENDS.iter().any(|end| group.ends_with(end))
}

/// What stands in a field of a typed kind.
pub fn field(name: &str) -> Names {
    match name {
        "bucketName" | "bucket" => &[Bucket],
        "queueName" | "queueURL" => &[Queue],
        "tableName" => &[Table],
        "streamName" => &[Stream],
        "topicName" => &[Topic],
        "role" | "roleName" | "instanceProfile" => &[Role],
        "clusterName" => &[Cluster],
        "loadBalancerName" => &[LoadBalancer],
        "mountname" => &[MountName],
        "logGroupName" => &[LogGroup],
        "dbInstanceIdentifier" | "dbClusterIdentifier" => &[Database],
        "launchTemplateName" => &[LaunchTemplate],
        "hostname" | "host" | "dnsNames" | "dnsZones" | "commonName" | "hosts" => &[Domain],
        "kmsKeyId" | "kmsKeyID" => &[KmsAlias],
        _ => &[],
    }
}
