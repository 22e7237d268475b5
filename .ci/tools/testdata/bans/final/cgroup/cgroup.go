// Package cgroup runs a program for a container.
package cgroup

import (
	"archive/tar" // want "CVE-2014-6407"
	"os/exec"     // want "CVE-2019-5736"
	"os/user"     // want "CVE-2019-14271"
)

// Dir is a directory.
const Dir = "/sys/fs/cgroup"

var (
	_ = tar.Header{}
	_ = exec.Cmd{}
	_ = user.User{}
)
