// Package cgroup limits what a container may use: memory, processor time, processes, devices and the rest of
// linux.resources (OCI runtime specification, config-linux.md, "Control groups"). It works with version 1 and 2 and with
// both side by side, and with what was delegated to an ordinary user.
//
// A [Cgroup] is one that is to be made: [New] decides where its directories are and what goes into their files, and its
// methods append the operations. Where systemd is to make it, one of them is to ask for that. A [Group] is one that exists:
// what pause, events, update, exec and delete work on.
//
// See step 04-cgroups, cgroups(7), and Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel.
package cgroup
