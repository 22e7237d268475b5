// The file is empty on purpose: a package with assembly in it may declare functions without a body, which child.go
// needs for three functions of the Go runtime.
