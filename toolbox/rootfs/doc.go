// Package rootfs makes the root filesystem that the steps and `stave run toolbox` put a container into: one static
// binary with a link for each of its commands (stave/toolbox/box), the files in /etc that programs expect, and the
// usual directories.
//
// The binary comes from one of two places. In a checkout it is built from source with the go command, without cgo, so
// that it is static even where a C compiler is installed; go's build cache makes the second time quick. In a release
// (build tag embed_toolbox, see Release) it is embedded, and no Go toolchain is needed.
//
// The package is small on purpose. It is linked into `stave`, whose start-up counts, so it runs the go command rather
// than import what that compiles.
package rootfs
