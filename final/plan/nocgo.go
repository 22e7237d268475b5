//go:build !cgo

package plan

const alone = true
