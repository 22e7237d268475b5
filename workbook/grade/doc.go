// Package grade grades what students hand in, which is programs of strangers: a program that wants to delete files, to read
// what the student beside has written, or to be praised for nothing, must get nowhere. This page says how that is done and
// what it doesn't do.
//
// # What is taken
//
// Regular .go files, so many and so large and no more, from a directory that is no link, by descriptors that a link can't
// lead elsewhere (os.Root). No go.mod, no assembly, nothing else. They are compiled with the step's own files in a module of
// their own, without cgo; that runs none of the student's code, but has limits of time, memory and file size.
//
// # Where it runs
//
// A check runs in a sandbox, a container of final/runtime with all namespaces and one user id: that of root inside. Out
// here the id is the grader's own or, if root grades, one that nobody has. The files in there are this machine's programs and
// libraries, read-only, and a tmpfs of limited size. A network namespace has nothing but loopback. Where there can be a
// cgroup (as root, or where one was delegated), it limits memory, processes and processor time of all together; in any case
// each process has limits, time is limited, and the machine's OOM killer is told to begin here. When process 1 of the sandbox
// is killed, everything in it is gone: processes, mounts, files.
//
// That process 1 is the checker: this program again, which runs the script of the check. No command of the script runs
// beside it. They run in the world, a second set of namespaces inside the first, as an ordinary user without privilege:
// also the student's program, which gets what privilege it needs as any user does, by as-root and a user namespace. So:
//
//   - the checker can't be seen from the world, nor signalled, traced or read: it is in an outer pid namespace;
//   - nothing is mounted in the world that later commands would see, because its mounts belong to a user namespace that nobody
//     in there has a privilege in, and each command has a mount namespace of its own besides;
//   - the script's own files lie, read-only and as they are meant to be, over those in the directory where the student's program
//     may write;
//   - links that it leaves there lead the checker's own commands, such as cp, nowhere but into the sandbox, where all is
//     read-only but that directory; what is in that directory, the checker can't execute;
//   - the verdict leaves by a socket that only the checker has. A socket can't be opened by a path, as a pipe can in /proc.
//
// How a command gets into the world: the checker finds, under the name of every program there is, a link to the launcher,
// which is this program in a third role. It forks a child into the world by setns(2), has it drop everything, and
// passes on signals, output up to a limit, and the exit code.
//
// A check may want to make cgroups. Where the sandbox has one, a part of it is handed to the world's user and mounted where
// steps look for it. Where it hasn't, the exercise "can't be checked here", which is not the student's fault.
//
// # What it can't do
//
// It can't tell a program that really does something from one that only behaves as if, for each of the things that the check
// looks at: the checks are public, and a student may spend more time on that than on the exercise. Random words and looks from
// outside make it hard. Nor does it keep a program of the student's from meddling with other commands of its own check while they
// run. And it is as strong as the kernel's user namespaces: grade on a machine that is kept up to date, or in a virtual one.
package grade
