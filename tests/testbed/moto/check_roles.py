"""Tries the policies of terraform/modules/iam against moto with its IAM checks on.

Reads the same policy files as the module. Each role makes every S3, EKS and STS call that the product makes in
that role, which must succeed, and calls that the role has no business with, which must be refused.
Conditions are not tried: moto does not evaluate them.

    python check_roles.py [--policies DIR]

Starts a server of its own and stops it. Prints one line per call that went wrong; exit code 1 if there was one.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

HERE = Path(__file__).resolve().parent
ACCOUNT = "123456789012"
REGION = "eu-central-1"
BUCKET = "shop-backups"
PREFIX = "team-a/"
CLUSTER = "shop"
ROLES = ("backup", "restore", "prune")
REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policies", type=Path, default=HERE.parents[2] / "terraform/modules/iam/policies")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        server, endpoint = start(Path(folder))
        try:
            problems, tried = try_roles(endpoint, arguments.policies)
        finally:
            server.terminate()
            server.wait()
    for problem in problems:
        print(problem)
    print(f"{tried} calls tried, {len(problems)} wrong")
    return 1 if problems else 0


def start(folder):
    port_file = folder / "port"
    with open(folder / "log", "w") as log:
        server = subprocess.Popen([sys.executable, HERE / "server.py", "--port-file", port_file], stdout=log, stderr=log)
    deadline = time.monotonic() + 120
    while not port_file.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise SystemExit("the server did not start:\n" + (folder / "log").read_text())
        time.sleep(0.05)
    return server, f"http://127.0.0.1:{port_file.read_text()}"


def try_roles(endpoint, policies):
    seed = Caller(endpoint, "test", "test")
    kms_key = seed.client("kms").create_key(Description="backups")["KeyMetadata"]["Arn"]
    seed_world(seed)
    credentials = {}
    for role in ROLES:
        attach(seed, role, render((policies / f"{role}.json.tftpl").read_text(), kms_key))
        credentials[role] = seed.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="try")["Credentials"]
    enforce(endpoint)

    problems, tried = [], 0
    for role in ROLES:
        given = credentials[role]
        caller = Caller(endpoint, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        for name, call, allowed in calls(caller, role):
            tried += 1
            answer = outcome(call)
            if answer != ("allowed" if role in allowed else "refused"):
                problems.append(f"{role}: {name} was {answer}, should be {'allowed' if role in allowed else 'refused'}")
    return problems, tried


def render(template, kms_key):
    """The module's templatefile: `${name}` in quotes is text, elsewhere a JSON list."""
    values = {
        "name": "shop",
        "partition": "aws",
        "bucket_arn": f"arn:aws:s3:::{BUCKET}",
        "prefix": PREFIX,
        "prefix_test": "StringLike",
        "bucket_kms_key_arns": json.dumps([kms_key]),
        "cluster_arns": json.dumps([f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"]),
        "volume_kms_key_arns": "[]",
    }
    return json.dumps(json.loads(re.sub(r"\$\{(\w+)\}", lambda found: values[found.group(1)], template)))


def seed_world(seed):
    s3 = seed.client("s3")
    for bucket in (BUCKET, "another-bucket"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for key in (f"{PREFIX}backups/a/velero-backup.json", f"{PREFIX}restores/r/log", "team-b/backups/a/velero-backup.json"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    ec2 = seed.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    for cluster in (CLUSTER, "another"):
        seed.client("eks").create_cluster(name=cluster, roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks", resourcesVpcConfig={"subnetIds": subnets})


def attach(seed, role, policy):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "pods.eks.amazonaws.com"}}]}
    iam = seed.client("iam")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=policy)


def enforce(endpoint):
    from urllib.request import Request, urlopen

    urlopen(Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST")).close()


def calls(caller, role):
    """Every call with the roles that may make it. A call that deletes works on a key of its own."""
    s3, eks, sts = caller.client("s3"), caller.client("eks"), caller.client("sts")
    backup, restored, elsewhere = f"{PREFIX}backups/a/velero-backup.json", f"{PREFIX}restores/r/log", "team-b/backups/a/velero-backup.json"
    everyone, writers = set(ROLES), {"backup"}

    def multipart(key, finish):
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        part = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
        s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)
        if finish:
            s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        else:
            s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)

    return [
        # What the product does.
        ("GetCallerIdentity", lambda: sts.get_caller_identity(), everyone),
        ("HeadBucket", lambda: s3.head_bucket(Bucket=BUCKET), everyone),
        ("GetBucketLocation", lambda: s3.get_bucket_location(Bucket=BUCKET), everyone),
        ("ListObjectsV2", lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX), everyone),
        ("ListObjectsV2 by folder", lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}backups/", Delimiter="/"), everyone),
        ("HeadObject", lambda: s3.head_object(Bucket=BUCKET, Key=backup), everyone),
        ("GetObject", lambda: s3.get_object(Bucket=BUCKET, Key=backup)["Body"].read(), everyone),
        ("PutObject of a backup", lambda: s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}backups/b/velero-backup.json", Body=b"{}"), writers),
        ("PutObject of a restore record", lambda: s3.put_object(Bucket=BUCKET, Key=restored, Body=b"{}"), {"backup", "restore"}),
        ("multipart upload of a backup", lambda: multipart(f"{PREFIX}backups/b/b.tar.gz", True), writers),
        ("multipart upload of a backup, given up", lambda: multipart(f"{PREFIX}backups/b/c.tar.gz", False), writers),
        ("multipart upload of a restore record", lambda: multipart(f"{PREFIX}restores/r/results.gz", True), {"backup", "restore"}),
        ("DeleteObject", lambda: s3.delete_object(Bucket=BUCKET, Key=restored), {"prune"}),
        ("DescribeCluster", lambda: eks.describe_cluster(name=CLUSTER), {"backup", "restore"}),
        # What it has no business with.
        ("GetObject outside the prefix", lambda: s3.get_object(Bucket=BUCKET, Key=elsewhere), set()),
        ("PutObject outside the prefix", lambda: s3.put_object(Bucket=BUCKET, Key="team-b/x", Body=b""), set()),
        ("DeleteObject outside the prefix", lambda: s3.delete_object(Bucket=BUCKET, Key=elsewhere), set()),
        ("DeleteObjectVersion", lambda: s3.delete_object(Bucket=BUCKET, Key=backup, VersionId="null"), set()),
        ("ListObjectsV2 of another bucket", lambda: s3.list_objects_v2(Bucket="another-bucket"), set()),
        ("GetObject of another bucket", lambda: s3.get_object(Bucket="another-bucket", Key=backup), set()),
        ("PutObjectAcl", lambda: s3.put_object_acl(Bucket=BUCKET, Key=backup, ACL="public-read"), set()),
        ("PutBucketPolicy", lambda: s3.put_bucket_policy(Bucket=BUCKET, Policy='{"Version":"2012-10-17","Statement":[]}'), set()),
        ("PutBucketVersioning", lambda: s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}), set()),
        ("PutLifecycleConfiguration", lambda: s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": []}), set()),
        ("DeleteBucket", lambda: s3.delete_bucket(Bucket=BUCKET), set()),
        ("ListBuckets", lambda: s3.list_buckets(), set()),
        ("DescribeCluster of another cluster", lambda: eks.describe_cluster(name="another"), set()),
        ("ListClusters", lambda: eks.list_clusters(), set()),
        ("UpdateClusterConfig", lambda: eks.update_cluster_config(name=CLUSTER, resourcesVpcConfig={"endpointPublicAccess": True}), set()),
        ("DeleteCluster", lambda: eks.delete_cluster(name=CLUSTER), set()),
        ("CreateUser", lambda: caller.client("iam").create_user(UserName="intruder"), set()),
        ("PutRolePolicy", lambda: caller.client("iam").put_role_policy(RoleName=role, PolicyName="more", PolicyDocument='{"Version":"2012-10-17","Statement":[]}'), set()),
        ("AssumeRole", lambda: sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/prune", RoleSessionName="other"), set()),
        ("DescribeInstances", lambda: caller.client("ec2").describe_instances(), set()),
        ("CreateSnapshot", lambda: caller.client("ec2").create_snapshot(VolumeId="vol-0123456789abcdef0"), set()),
        ("ScheduleKeyDeletion", lambda: caller.client("kms").schedule_key_deletion(KeyId="alias/none"), set()),
    ]


def outcome(call):
    try:
        call()
        return "allowed"
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        # Any other 403, a bad signature for one, says nothing about permissions. The answer to a HEAD has no body.
        refused = code in REFUSED or "<Code>AccessDenied</Code>" in message or (code == "403" and message == "Forbidden")
        return "refused" if refused else f"answered by {code}: {message}"


class Caller:
    def __init__(self, endpoint, key, secret, token=None):
        self.endpoint = endpoint
        self.session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=REGION)

    def client(self, service):
        config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        return self.session.client(service, endpoint_url=self.endpoint, config=config)


if __name__ == "__main__":
    sys.exit(main())
