// Package host shows that a test, or a whole run of tests, leaves the machine as it found it.
//
// A Watch looks after one test. Tests run in parallel, in several processes, so it must tell its own test's leftovers from
// what other tests are doing at the same time. It goes by the test's directory, whose name is unique:
//
//   - a mount in our mount namespace, on or from a place below the directory;
//   - a process whose working directory, root, program, environment or mounts mention the directory. This is how
//     leftover namespaces are found too: without a process, or a mount, a namespace is gone by itself;
//   - a cgroup named stave... that appeared since and in which nobody was seen for all the time of waiting;
//   - a network link that appeared since and stayed, unless its other end is in a container;
//   - a namespace bound to a file since, that stayed.
//
// What a dying process held goes a moment after it, so a Watch looks again until nothing is left or its patience ends.
//
// A Snapshot is all of the machine, for a before and an after with nothing else going on; the program in the folder
// unchanged takes both around a command.
//
// Other users' processes can't be looked into without privilege; an ordinary user's tests can't have started any.
// The package ends nothing and removes nothing by itself, but for Watcher.DetachMounts. Who has to end what a program has
// left, because nobody else will, finds the means in end.go.
package host
