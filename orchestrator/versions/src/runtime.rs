//! What belongs to the cluster it runs in: state of controllers and servers, which a restore leaves out.
//!
//! Says why; whether to leave it out all the same is the restore's choice.

use model::{GroupResource, Manifest};

/// Why a resource is not worth restoring, or none.
pub fn runtime_state(resource: &GroupResource) -> Option<&'static str> {
    Some(match (resource.group.as_str(), resource.resource.as_str()) {
        ("certificates.k8s.io", "certificatesigningrequests" | "podcertificaterequests") => {
            "a request for a certificate of the source cluster"
        }
        ("coordination.k8s.io", "leases" | "leasecandidates") => "a claim of a running process",
        ("storage.k8s.io", "csinodes" | "volumeattachments" | "csistoragecapacities") => {
            "written by the node's driver or the attaching controller"
        }
        ("" | "events.k8s.io", "events") => "a record of what happened in the source cluster",
        ("resource.k8s.io", "resourceslices") => "written by the driver of the devices",
        ("networking.k8s.io", "ipaddresses") => "allotted by the server to a Service",
        ("storagemigration.k8s.io", "storageversionmigrations") => "about the storage of the source cluster",
        _ => return None,
    })
}

/// Why an object is a server's or a controller's own, or none.
pub fn server_managed(manifest: &Manifest) -> Option<&'static str> {
    let gvk = manifest.gvk();
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apiregistration.k8s.io", "APIService")
            if manifest.label("kube-aggregator.kubernetes.io/automanaged").is_some() =>
        {
            Some("the server registers its own versions; another server's break discovery")
        }
        ("flowcontrol.apiserver.k8s.io", _)
            if manifest.annotation("apf.kubernetes.io/autoupdate-spec") == Some("true") =>
        {
            Some("the server brings its own")
        }
        ("discovery.k8s.io", "EndpointSlice") if manifest.label("endpointslice.kubernetes.io/managed-by").is_some() => {
            Some("a controller writes it from the Service")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_belongs_to_a_cluster_says_why() {
        assert!(runtime_state(&GroupResource::parse("events")).is_some());
        assert!(runtime_state(&GroupResource::parse("deployments.apps")).is_none());
        let service = |labels| {
            Manifest::from_value(json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
                "metadata": {"name": "v1.apps", "labels": labels}}))
            .unwrap()
        };
        assert!(server_managed(&service(json!({"kube-aggregator.kubernetes.io/automanaged": "onstart"}))).is_some());
        assert!(server_managed(&service(json!({}))).is_none());
    }
}
