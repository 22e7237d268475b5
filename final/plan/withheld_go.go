//go:build !cgo

package plan

const withheld = heap | mappings
