//go:build tools

// Names the programs that this module builds, so that go.mod and go.sum hold all they need.
package tools

import (
	_ "sigs.k8s.io/kwok/cmd/kwok"
)
