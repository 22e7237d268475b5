// Toolbox makes a root filesystem for a container to live in, from source: a shell, the usual commands, and three
// teaching tools that meet the limits of cgroups on purpose (hog, burn, spawn).
//
// Synopsis:
//
//	toolbox [-arch ARCH] ROOTFS
package main
