// Package doctor tells a learner what this machine lets containers do: the
// kernel, privilege, user namespaces, mounts, control groups, overlayfs and
// tools that steps/ and final/ need; what is missing, why, and how to get it.
//
// It works in three parts, so that each can be read and tested by itself:
//
//	Gather    looks and tries, and returns Facts: plain data
//	Diagnose  turns Facts into Findings: a pure function
//	Print     shows Findings to a person
//
// What the kernel allows is tried, not guessed from its version: a sysctl, a
// security module or a seccomp filter may refuse what the version promises.
// The trials need namespaces of their own, and a Go process, having several
// threads, can't enter a new user namespace (EINVAL; see unshare(2)). So Gather
// starts its own program again, in new namespaces, with Options.Self as
// arguments, and the command that was called that way must call [Probe].
//
// Nothing on the host is changed: what a trial mounts is gone with its mount
// namespace, and the directories it used are removed.
package doctor
