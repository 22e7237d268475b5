// Package security takes from a process what it doesn't need, in its last moments before it becomes the container's
// program: capabilities (capabilities(7)), the way to new ones (no_new_privs), system calls (seccomp(2)), and what a
// security module's label denies (apparmor(7), selinux(8)). See step 09-security.
//
// The longest part is the compiler from a seccomp configuration to a classic BPF program (bpf(4) of old; the kernel's
// Documentation/userspace-api/seccomp_filter.rst). It is in four files: table.go and abi.go know the numbers of system
// calls on each machine, rules.go turns a configuration into ranges of numbers with something to do for each, tree.go
// into a program that finds the range by halving, and filter.go hands that to the kernel.
//
// The last part, binary.go, keeps the runtime's own program file out of the container's reach (CVE-2019-5736).
package security

const step = "09-security"
