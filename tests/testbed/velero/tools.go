//go:build tools

// Names the program that this module builds, so that go.mod and go.sum hold all it needs.
package tools

import (
	_ "github.com/vmware-tanzu/velero/cmd/velero"
)
