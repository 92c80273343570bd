//! StorageClass, CSIDriver, CSINode, VolumeAttachment, CSIStorageCapacity, VolumeAttributesClass:
//! `storage.k8s.io/v1alpha1`, `v1beta1` ⇄ `v1`. Lossless.
//!
//! The fields and the defaults are the same. Nodes, attachments and capacities are written by controllers and need
//! no restore. In-tree provisioners are another matter: see the in-tree EBS pages.
//!
//! Before:
//! ```yaml
//! apiVersion: storage.k8s.io/v1beta1
//! kind: StorageClass
//! metadata: { name: fast }
//! provisioner: ebs.csi.aws.com
//! ```
//! After:
//! ```yaml
//! apiVersion: storage.k8s.io/v1
//! kind: StorageClass
//! metadata: { name: fast }
//! provisioner: ebs.csi.aws.com
//! reclaimPolicy: Delete
//! volumeBindingMode: Immediate
//! ```
//!
//! Before:
//! ```yaml
//! apiVersion: storage.k8s.io/v1beta1
//! kind: CSIDriver
//! metadata: { name: ebs.csi.aws.com }
//! spec: {}
//! ```
//! After:
//! ```yaml
//! apiVersion: storage.k8s.io/v1
//! kind: CSIDriver
//! metadata: { name: ebs.csi.aws.com }
//! spec:
//!   attachRequired: true
//!   podInfoOnMount: false
//!   storageCapacity: false
//!   fsGroupPolicy: ReadWriteOnceWithFSType
//!   requiresRepublish: false
//!   volumeLifecycleModes: [Persistent]
//! ```

use serde_json::{Map, Value, json};

use super::draft::{is_unset, object_mut};
use super::{At, CannotConvert, Draft, Family, Form};

const GROUP: &str = "storage.k8s.io";

pub(crate) static STORAGE_CLASS: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "StorageClass", "storageclasses"),
    Form::new(GROUP, "v1", "StorageClass", "storageclasses"),
])
.with_defaults(class_defaults);

pub(crate) static CSI_DRIVER: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "CSIDriver", "csidrivers"),
    Form::new(GROUP, "v1", "CSIDriver", "csidrivers"),
])
.with_defaults(driver_defaults);

pub(crate) static CSI_NODE: Family =
    Family::same(&[Form::new(GROUP, "v1beta1", "CSINode", "csinodes"), Form::new(GROUP, "v1", "CSINode", "csinodes")]);

pub(crate) static VOLUME_ATTACHMENT: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "VolumeAttachment", "volumeattachments"),
    Form::new(GROUP, "v1beta1", "VolumeAttachment", "volumeattachments"),
    Form::new(GROUP, "v1", "VolumeAttachment", "volumeattachments"),
]);

pub(crate) static CSI_STORAGE_CAPACITY: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "CSIStorageCapacity", "csistoragecapacities"),
    Form::new(GROUP, "v1beta1", "CSIStorageCapacity", "csistoragecapacities"),
    Form::new(GROUP, "v1", "CSIStorageCapacity", "csistoragecapacities"),
]);

pub(crate) static VOLUME_ATTRIBUTES_CLASS: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "VolumeAttributesClass", "volumeattributesclasses"),
    Form::new(GROUP, "v1beta1", "VolumeAttributesClass", "volumeattributesclasses"),
    Form::new(GROUP, "v1", "VolumeAttributesClass", "volumeattributesclasses"),
]);

type Body = Map<String, Value>;

fn class_defaults(body: &mut Body, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    draft.default(body, &At::ROOT, "reclaimPolicy", "Delete");
    draft.default(body, &At::ROOT, "volumeBindingMode", "Immediate");
    Ok(())
}

fn driver_defaults(body: &mut Body, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    draft.default(spec, &at, "attachRequired", true);
    draft.default(spec, &at, "podInfoOnMount", false);
    draft.default(spec, &at, "storageCapacity", false);
    draft.default(spec, &at, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    draft.default(spec, &at, "requiresRepublish", false);
    let no_modes = spec.get("volumeLifecycleModes").and_then(Value::as_array).is_some_and(Vec::is_empty);
    if (no_modes || is_unset(spec, "volumeLifecycleModes")) && draft.fills_shared_defaults() {
        draft.set(spec, &at, "volumeLifecycleModes", json!(["Persistent"]), "default of storage.k8s.io");
    }
    Ok(())
}
