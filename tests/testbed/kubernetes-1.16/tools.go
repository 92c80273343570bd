//go:build tools
// +build tools

// Names the programs that this module builds, so that go.mod and go.sum hold all they need.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kube-openapi/cmd/openapi-gen"
)
