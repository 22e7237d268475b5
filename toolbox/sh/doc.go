// Package sh is the toolbox's shell: the POSIX shell language and what is commonly added to it ([[ ]], (( )), local,
// brace expansion, here-strings), with job control and line editing at a terminal.
//
// Synopsis:
//
//	sh [-aefimnuxC] [-o OPTION] [SCRIPT [ARG…]]
//	sh [-…] -c COMMAND [NAME [ARG…]]
//	sh [-…] -s [ARG…]
//
// Options:
//
//	-c COMMAND  run this
//	-i          be interactive, as at a terminal
//	-l          accepted; with it /etc/profile and ~/.profile are read first
//	-s          read commands from standard input, as without a script
//
// and those of its builtin set: -a export all that is assigned, -C never overwrite a file with >, -e exit on failure,
// -f no file name patterns, -m job control, -n only read, -u unset variables are errors, -x show each command, and
// -o pipefail.
//
// The exit status is that of the last command: 126 if it could not be executed, 127 if it was not found, 128 and the
// signal's number if a signal ended it.
//
// # How it works
//
// mvdan.cc/sh parses, and expands words. What runs the commands is here, because a shell for learning about processes
// should have real ones: $! is a process id, a function in a pipeline is a process that ps shows and pids.max counts,
// and a fork bomb is one. (The interpreter that comes with mvdan.cc/sh runs all of that as goroutines.)
//
// A Go program can't fork, so where a shell would, this one starts itself anew and hands over its state: see
// subshell.go. Where a forked shell would be waited for at once, as for ( ) and $( ), a copy of the state does.
//
// One goroutine runs commands. Another collects children that end, which is what makes the shell fit to be process 1 of
// a container: see process.go.
package sh
