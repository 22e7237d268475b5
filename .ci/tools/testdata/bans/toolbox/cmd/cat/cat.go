// Package cat does what it is told.
package cat

import "os"

func open(name string) (*os.File, error) { return os.Open(name) }

var _ = open
