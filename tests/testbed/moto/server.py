"""moto as the AWS stand-in, with what it lacks for EKS.

One process, so that moto's memory and ours live and die together: an overlay that forgets while moto
remembers would look like drift. The overlay

- keeps add-ons, access entries, access policies, pod identity associations and updates in memory;
- remembers what CreateCluster said about access and upgrades, gives each cluster a security group that
  exists in moto's EC2, and adds both to what moto describes;
- takes out what moto makes up (remote access of node groups);
- gives replica keys the policy, tags and description that they were asked for;
- passes over the conditions of policies, as moto cannot evaluate them;
- injects faults on request: see `Faults`.

It checks no signatures and no permissions of its own; moto's IAM checks apply to what moto answers.

    python server.py --port 0 --port-file FILE
    python server.py --attached

The server listens on the loopback interface only. POST /landfall-overlay/faults sets faults,
DELETE clears them, GET shows them.
"""

import argparse
import copy
import io
import json
import os
import re
import signal
import sys
import threading
import time
import uuid
from urllib.parse import parse_qs, unquote

from werkzeug.serving import make_server

# Before moto is imported: roles attach AWS managed policies.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.responses.monitoring import Monitoring
from moto.eks.responses import EKSResponse
from moto.iam.access_control import IAMPolicyStatement, IAMRequestBase, PermissionResult
from moto.kms import models as kms_models
from moto.kms.models import kms_backends
from moto.kms.responses import KmsResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeDeleteMarker
from moto.s3.responses import ACTION_MAP as S3_ACTIONS

ACCOUNT = "123456789012"
CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


class Faults:
    """What goes wrong, and how often.

    - cluster_creating_seconds: a new cluster stays CREATING that long.
    - fail_state_puts: the next N writes of S3 objects whose key ends in .tfstate are answered by 500;
      negative fails them until cleared.
    """

    def __init__(self):
        self.cluster_creating_seconds = 0.0
        self.fail_state_puts = 0

    def change(self, wanted):
        for name, value in wanted.items():
            if name not in ("cluster_creating_seconds", "fail_state_puts"):
                raise ValueError(f"unknown fault {name}")
            setattr(self, name, type(getattr(self, name))(value))

    def take_state_put(self):
        if self.fail_state_puts == 0:
            return False
        if self.fail_state_puts > 0:
            self.fail_state_puts -= 1
        return True


class NotFound(Exception):
    pass


class Cluster:
    """What moto does not keep about one cluster."""

    def __init__(self, request):
        access = request.get("accessConfig") or {}
        self.access_config = {
            "authenticationMode": access.get("authenticationMode", "CONFIG_MAP"),
            "bootstrapClusterCreatorAdminPermissions": access.get("bootstrapClusterCreatorAdminPermissions", True),
        }
        self.upgrade_policy = request.get("upgradePolicy") or {"supportType": "EXTENDED"}
        self.bootstrap_self_managed_addons = request.get("bootstrapSelfManagedAddons", True)
        self.created = time.monotonic()
        self.security_group = None
        self.addons = {}
        self.entries = {}
        self.associations = {}
        self.updates = {}


class Overlay:
    def __init__(self, moto):
        self.moto = moto
        self.faults = Faults()
        self.clusters = {}
        self.lock = threading.RLock()

    # WSGI ------------------------------------------------------------------------------------

    def __call__(self, environ, start_response):
        path = (environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]).split("?")[0]
        parts = [unquote(part) for part in path.strip("/").split("/")]
        method = environ["REQUEST_METHOD"]
        try:
            if parts[0] == "landfall-overlay":
                return self.control(environ, start_response, method)
            credential = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
            region, service = credential.groups() if credential else (None, None)
            if service == "eks":
                with self.lock:
                    return self.eks(environ, start_response, method, region, parts)
            if environ.get("HTTP_X_AMZ_TARGET") == "TrentService.ReplicateKey":
                return self.replicate_key(environ, start_response, region)
            if service == "s3" and method == "PUT" and path.endswith(".tfstate") and self.faults.take_state_put():
                body = b"<Error><Code>InternalError</Code><Message>injected</Message></Error>"
                start_response("500 Internal Server Error", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
                return [body]
        except NotFound as missing:
            return respond(start_response, 404, {"message": str(missing)}, error="ResourceNotFoundException")
        return self.moto(environ, start_response)

    def control(self, environ, start_response, method):
        if method == "POST":
            try:
                self.faults.change(json.loads(read_body(environ) or b"{}"))
            except (ValueError, TypeError) as problem:
                return respond(start_response, 400, {"message": str(problem)})
        elif method == "DELETE":
            self.faults = Faults()
        return respond(start_response, 200, vars(self.faults))

    # EKS -------------------------------------------------------------------------------------

    def eks(self, environ, start_response, method, region, parts):
        if parts == ["addons", "supported-versions"]:
            name = parse_qs(environ.get("QUERY_STRING", "")).get("addonName", ["unknown"])[0]
            return respond(start_response, 200, {"addons": [{"addonName": name, "addonVersions": [{"addonVersion": "v1.0.0-eksbuild.1", "compatibilities": [{"defaultVersion": True}]}]}]})
        if parts[0] == "tags" and not re.search(r":(cluster|nodegroup|fargateprofile)/", parts[1] if len(parts) > 1 else ""):
            return respond(start_response, 200, {"tags": {}} if method == "GET" else {})
        if parts[0] != "clusters":
            return self.moto(environ, start_response)

        if len(parts) == 1 and method == "POST":
            return self.create_cluster(environ, start_response, region)
        if len(parts) == 2:
            return self.describe_or_delete_cluster(environ, start_response, method, region, parts[1])
        if len(parts) >= 3:
            handler = {
                "addons": self.addons,
                "access-entries": self.access_entries,
                "pod-identity-associations": self.pod_identities,
                "updates": self.updates,
            }.get(parts[2])
            if handler:
                cluster = self.cluster(region, parts[1])
                body = json.loads(read_body(environ) or b"{}")
                return handler(start_response, method, region, parts[1], cluster, parts[3:], body)
        if parts[2:3] == ["node-groups"]:
            return self.node_groups(environ, start_response)
        return self.moto(environ, start_response)

    def cluster(self, region, name):
        try:
            return self.clusters[(region, name)]
        except KeyError:
            raise NotFound(f"No cluster found for name: {name}.") from None

    def create_cluster(self, environ, start_response, region):
        request = json.loads(read_body(environ))
        status, headers, answer = self.ask(environ)
        if status.startswith("200"):
            cluster = Cluster(request)
            subnets = (request.get("resourcesVpcConfig") or {}).get("subnetIds") or []
            ec2 = ec2_backends[ACCOUNT][region]
            vpc = ec2.get_subnet(subnets[0]).vpc_id if subnets else ec2.get_default_vpc().id
            group = ec2.create_security_group(f"eks-cluster-sg-{request['name']}-{uuid.uuid4().hex[:8]}", "EKS created security group", vpc_id=vpc)
            cluster.security_group = (group.id, vpc)
            self.clusters[(region, request["name"])] = cluster
            self.complete_cluster(answer, region)
        return respond_raw(start_response, status, headers, answer)

    def describe_or_delete_cluster(self, environ, start_response, method, region, name):
        status, headers, answer = self.ask(environ)
        if status.startswith("200"):
            self.complete_cluster(answer, region)
            if method == "DELETE":
                cluster = self.clusters.pop((region, name), None)
                if cluster and cluster.security_group:
                    ec2_backends[ACCOUNT][region].delete_security_group(group_id=cluster.security_group[0])
        return respond_raw(start_response, status, headers, answer)

    def complete_cluster(self, answer, region):
        described = answer["cluster"]
        cluster = self.clusters.get((region, described["name"]))
        if cluster is None:
            return
        described["accessConfig"] = cluster.access_config
        described["upgradePolicy"] = cluster.upgrade_policy
        network = described.get("kubernetesNetworkConfig") or {}
        described["kubernetesNetworkConfig"] = {
            "serviceIpv4Cidr": network.get("serviceIpv4Cidr") or "172.20.0.0/16",
            "ipFamily": network.get("ipFamily") or "ipv4",
            "elasticLoadBalancing": {"enabled": False},
        }
        vpc_config = described.setdefault("resourcesVpcConfig", {})
        vpc_config["clusterSecurityGroupId"], vpc_config["vpcId"] = cluster.security_group
        if time.monotonic() - cluster.created < self.faults.cluster_creating_seconds:
            described["status"] = "CREATING"

    def node_groups(self, environ, start_response):
        status, headers, answer = self.ask(environ)
        if status.startswith("200") and "nodegroup" in answer:
            answer["nodegroup"].pop("remoteAccess", None)
            # An update may change scaling only; moto forgets nothing, the provider reads this back.
            answer["nodegroup"].setdefault("updateConfig", {"maxUnavailablePercentage": 33})
        return respond_raw(start_response, status, headers, answer)

    # KMS -------------------------------------------------------------------------------------

    def replicate_key(self, environ, start_response, region):
        """Moto shares one object's policy, tags and role in the pair between primary and replica."""
        request = json.loads(read_body(environ))
        status, headers, answer = self.ask(environ)
        if status.startswith("200"):
            there = kms_backends[ACCOUNT][request["ReplicaRegion"]]
            key = there.keys[answer["ReplicaKeyMetadata"]["KeyId"]]
            key.multi_region_configuration = {**copy.deepcopy(key.multi_region_configuration), "MultiRegionKeyType": "REPLICA"}
            if request.get("Policy"):
                key.policy = request["Policy"]
            key.aliases, key.grants = {}, {}
            key.description = request.get("Description", "")
            there.tagger.tag_resource(key.id, request.get("Tags") or [])
            answer["ReplicaKeyMetadata"] = key.to_dict()["KeyMetadata"]
        return respond_raw(start_response, status, headers, answer)

    # What moto lacks -------------------------------------------------------------------------

    def addons(self, start_response, method, region, name, cluster, rest, body):
        if not rest:
            if method == "GET":
                return respond(start_response, 200, {"addons": sorted(cluster.addons)})
            addon_name = body["addonName"]
            if addon_name in cluster.addons:
                return respond(start_response, 409, {"message": "Addon already exists."}, error="ResourceInUseException")
            now = time.time()
            addon = {
                "addonName": addon_name,
                "clusterName": name,
                "status": "ACTIVE",
                "addonVersion": body.get("addonVersion") or "v1.0.0-eksbuild.1",
                "health": {"issues": []},
                "addonArn": f"arn:aws:eks:{region}:{ACCOUNT}:addon/{name}/{addon_name}/{uuid.uuid4()}",
                "createdAt": now,
                "modifiedAt": now,
                "tags": body.get("tags") or {},
                "podIdentityAssociations": [],
            }
            for key in ("serviceAccountRoleArn", "configurationValues"):
                if body.get(key):
                    addon[key] = body[key]
            for wanted in body.get("podIdentityAssociations") or []:
                association = self.associate(region, name, cluster, "kube-system", wanted["serviceAccount"], wanted["roleArn"], {}, owner=addon["addonArn"])
                addon["podIdentityAssociations"].append(association["associationArn"])
            cluster.addons[addon_name] = addon
            return respond(start_response, 200, {"addon": {**addon, "status": "CREATING"}})
        addon = cluster.addons.get(rest[0])
        if addon is None:
            raise NotFound(f"No addon: {rest[0]} found in cluster: {name}")
        if rest[1:] == ["update"]:
            for key in ("addonVersion", "serviceAccountRoleArn", "configurationValues"):
                if body.get(key):
                    addon[key] = body[key]
            return respond(start_response, 200, {"update": self.update(cluster, "AddonUpdate")})
        if method == "DELETE":
            del cluster.addons[rest[0]]
            for arn in addon["podIdentityAssociations"]:
                cluster.associations.pop(arn.rsplit("/", 1)[1], None)
            return respond(start_response, 200, {"addon": {**addon, "status": "DELETING"}})
        return respond(start_response, 200, {"addon": addon})

    def access_entries(self, start_response, method, region, name, cluster, rest, body):
        if not rest:
            if method == "GET":
                return respond(start_response, 200, {"accessEntries": sorted(cluster.entries)})
            principal = body["principalArn"]
            if principal in cluster.entries:
                return respond(start_response, 409, {"message": "The specified access entry resource is already in use on this cluster."}, error="ResourceInUseException")
            now = time.time()
            cluster.entries[principal] = {
                "entry": {
                    "clusterName": name,
                    "principalArn": principal,
                    "kubernetesGroups": body.get("kubernetesGroups") or [],
                    "accessEntryArn": f"arn:aws:eks:{region}:{ACCOUNT}:access-entry/{name}/role/{ACCOUNT}/{principal.rsplit('/', 1)[-1]}/{uuid.uuid4()}",
                    "createdAt": now,
                    "modifiedAt": now,
                    "tags": body.get("tags") or {},
                    "username": body.get("username") or principal,
                    "type": body.get("type") or "STANDARD",
                },
                "policies": {},
            }
            return respond(start_response, 200, {"accessEntry": cluster.entries[principal]["entry"]})
        found = cluster.entries.get(rest[0])
        if found is None:
            raise NotFound("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.")
        if rest[1:2] == ["access-policies"]:
            return self.access_policies(start_response, method, name, rest[0], found["policies"], rest[2:], body)
        if method == "DELETE":
            del cluster.entries[rest[0]]
            return respond(start_response, 200, {})
        if method == "POST":
            found["entry"].update({key: body[key] for key in ("kubernetesGroups", "username") if key in body})
        return respond(start_response, 200, {"accessEntry": found["entry"]})

    def access_policies(self, start_response, method, name, principal, policies, rest, body):
        answer = {"clusterName": name, "principalArn": principal}
        if rest:
            if policies.pop(rest[0], None) is None:
                raise NotFound("The specified policyArn could not be found.")
            return respond(start_response, 200, {})
        if method == "POST":
            now = time.time()
            associated = {"policyArn": body["policyArn"], "accessScope": body["accessScope"], "associatedAt": now, "modifiedAt": now}
            policies[body["policyArn"]] = associated
            return respond(start_response, 200, {**answer, "associatedAccessPolicy": associated})
        return respond(start_response, 200, {**answer, "associatedAccessPolicies": list(policies.values())})

    def pod_identities(self, start_response, method, region, name, cluster, rest, body):
        if not rest:
            if method == "GET":
                return respond(start_response, 200, {"associations": list(cluster.associations.values())})
            taken = any(known["namespace"] == body["namespace"] and known["serviceAccount"] == body["serviceAccount"] for known in cluster.associations.values())
            if taken:
                return respond(start_response, 409, {"message": "Association already exists."}, error="ResourceInUseException")
            association = self.associate(region, name, cluster, body["namespace"], body["serviceAccount"], body["roleArn"], body.get("tags") or {})
            return respond(start_response, 200, {"association": association})
        association = cluster.associations.get(rest[0])
        if association is None:
            raise NotFound(f"No association found with id: {rest[0]}")
        if method == "DELETE":
            del cluster.associations[rest[0]]
        elif method == "POST":
            association["roleArn"] = body.get("roleArn", association["roleArn"])
        return respond(start_response, 200, {"association": association})

    def associate(self, region, name, cluster, namespace, account, role, tags, owner=None):
        identity = "a-" + uuid.uuid4().hex[:17]
        now = time.time()
        association = {
            "clusterName": name,
            "namespace": namespace,
            "serviceAccount": account,
            "roleArn": role,
            "associationArn": f"arn:aws:eks:{region}:{ACCOUNT}:podidentityassociation/{name}/{identity}",
            "associationId": identity,
            "tags": tags,
            "createdAt": now,
            "modifiedAt": now,
        }
        if owner:
            association["ownerArn"] = owner
        cluster.associations[identity] = association
        return association

    def updates(self, start_response, method, region, name, cluster, rest, body):
        if rest and rest[0] in cluster.updates:
            return respond(start_response, 200, {"update": cluster.updates[rest[0]]})
        if not rest and method == "GET":
            return respond(start_response, 200, {"updateIds": sorted(cluster.updates)})
        raise NotFound(f"No update found: {'/'.join(rest)}")

    def update(self, cluster, kind):
        update = {"id": str(uuid.uuid4()), "status": "Successful", "type": kind, "params": [], "createdAt": time.time(), "errors": []}
        cluster.updates[update["id"]] = update
        return update

    # Asking moto -----------------------------------------------------------------------------

    def ask(self, environ):
        """Moto's answer: status line, headers, and the body, parsed when the answer is a good one."""
        seen = {}

        def start_response(status, headers, exc_info=None):
            seen["status"], seen["headers"] = status, headers

        body = b"".join(self.moto(environ, start_response))
        good = seen["status"].startswith("200")
        return seen["status"], seen["headers"], json.loads(body or b"{}") if good else body


def read_body(environ):
    """The request's body, left in place for whoever reads it next."""
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read()
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def respond(start_response, status, answer, error=None):
    headers = [("Content-Type", "application/json")]
    if error:
        headers.append(("x-amzn-ErrorType", error))
    return respond_raw(start_response, {200: "200 OK", 400: "400 Bad Request", 404: "404 Not Found", 409: "409 Conflict"}[status], headers, answer)


def respond_raw(start_response, status, headers, answer):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    kept = [(key, value) for key, value in headers if key.lower() != "content-length"]
    start_response(status, kept + [("Content-Length", str(len(body)))])
    return [body]


def use_real_key_ids():
    """Moto puts hyphens into the ids of multi-Region keys, AWS does not, and terraform's S3 backend insists."""
    validate = KmsResponse._validate_cmk_id

    def validate_real(response, key_id):
        if key_id not in response.kms_backend.keys:
            validate(response, key_id)

    KmsResponse._validate_cmk_id = validate_real
    kms_models.generate_key_id = lambda multi_region: f"mrk-{uuid.uuid4().hex}" if multi_region else str(uuid.uuid4())


def ignore_conditions():
    """Moto knows no request context outside of trust policies, and takes every condition for unmet and that for a denial.

    Here a condition is passed over: what is allowed under a condition is allowed, what is denied under one is not.
    """
    decide = IAMPolicyStatement.is_action_permitted

    def decide_without(statement, action, resource="*", principal=None, incoming_condition_values=None):
        if incoming_condition_values is None and statement._statement.get("Condition"):
            if statement._statement["Effect"] == "Deny":
                return PermissionResult.NEUTRAL
            statement = IAMPolicyStatement({key: value for key, value in statement._statement.items() if key != "Condition"})
        return decide(statement, action, resource, principal, incoming_condition_values)

    IAMPolicyStatement.is_action_permitted = decide_without


def name_what_is_asked_for():
    """Moto checks EKS calls against the resource `*` and HeadBucket as an action of its own; AWS does neither.

    Its signature check fails for GET requests without a body, so signatures are not checked at all.
    """

    def cluster_of(response):
        named = re.search(r"/clusters/([^/?]+)", response.raw_path)
        return f"arn:aws:eks:{response.region}:{ACCOUNT}:cluster/{named.group(1)}" if named else "*"

    IAMRequestBase.check_signature = lambda request: None
    EKSResponse._determine_resource = cluster_of
    S3_ACTIONS["BUCKET"]["HEAD"]["DEFAULT"] = "ListBucket"


def answer_monitoring():
    """Moto has no detailed monitoring of instances, and the provider retries its error for minutes."""

    def answered(state):
        def answer(response):
            instances = "".join(
                f"<item><instanceId>{instance}</instanceId><monitoring><state>{state}</state></monitoring></item>"
                for instance in response._get_param("InstanceIds", [])
            )
            return f'<{response._get_action()}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><instancesSet>{instances}</instancesSet></{response._get_action()}Response>'

        return answer

    Monitoring.monitor_instances = answered("pending")
    Monitoring.unmonitor_instances = answered("disabling")


def let_delete_markers_go():
    """Moto fails when the last version of an object is a delete marker, and the provider retries that for minutes."""
    FakeDeleteMarker.dispose = lambda marker, garbage=False: None


def keep_what_instances_asked_for():
    """Moto describes a public address, and forgets security groups, when the first interface is asked for in full."""
    prepare = Instance.prep_nics

    def prepare_as_asked(instance, nic_spec, *arguments, **named):
        asked = next((dict(nic) for nic in nic_spec if int(nic.get("DeviceIndex", -1)) == 0), {})
        prepare(instance, nic_spec, *arguments, **named)
        if asked.get("Groups"):
            instance.security_groups = list(instance.nics[0]._group_set)

    Instance.prep_nics = prepare_as_asked
    association = NetworkInterface.association
    # An empty association is still one to the provider.
    NetworkInterface.association = property(lambda interface: association.fget(interface) or None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 for a free one")
    parser.add_argument("--port-file", help="file to write the port to, once the server listens")
    parser.add_argument("--attached", action="store_true", help="print the port, once the server listens, and end when stdin does")
    arguments = parser.parse_args()

    use_real_key_ids()
    ignore_conditions()
    name_what_is_asked_for()
    answer_monitoring()
    keep_what_instances_asked_for()
    let_delete_markers_go()
    moto = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", arguments.port, Overlay(moto), threaded=True, request_handler=MotoRequestHandler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if arguments.port_file:
        with open(arguments.port_file + ".new", "w") as file:
            file.write(str(server.port))
        os.replace(arguments.port_file + ".new", arguments.port_file)
    if arguments.attached:
        threading.Thread(target=end_with_stdin, daemon=True).start()
        print(server.port, flush=True)
    server.serve_forever()


def end_with_stdin():
    """Whoever started the server may be killed and take nothing down; its end of the pipe closes all the same."""
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
