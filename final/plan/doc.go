// Package plan is the container as a value: an ordered list of operations, each one purpose carried out by a few
// system calls whose arguments are data.
//
// The mechanism packages (namespace, mount, cgroup, overlay, user) append operations to a [Plan]. Nothing happens until
// [Plan.Run], which carries the list out once, in order. One call in it is clone(2); operations before it belong to
// the parent, operations after it to whichever of the two processes they name. When the list changes hands, the one
// that finished passes a message to the other over a socket, so the order in the list is the order in time.
//
// The child's half runs between fork and exec, where a Go program may not allocate, grow its stack or take a lock. So
// every argument is laid out in memory beforehand, and the child is one small loop of raw system calls
// (child.go). An argument may name the result of an earlier call, which is how a file descriptor travels down the list.
//
// The same list has a text form ([Plan.Text]): what --explain narrates and what golden tests compare.
//
// The idea of a list of set-up operations carried out by a small loop is bubblewrap's. The steps of the workbook use the
// other classic shape instead, a re-execution of /proc/self/exe.
package plan
