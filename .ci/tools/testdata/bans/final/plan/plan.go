// Package plan is the lowest floor.
package plan

// Op is an operation.
type Op struct{}

func Undocumented() {} // want "exported: .*should have comment"
