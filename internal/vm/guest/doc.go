// Package guest has what a virtual machine starts from: Debian's kernel, fetched and not installed, and the archive of
// files that the kernel finds in memory when it starts.
package guest
