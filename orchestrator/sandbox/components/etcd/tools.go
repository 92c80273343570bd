//go:build tools

// Names the programs that this module builds, so that go.mod and go.sum hold all they need.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
)
