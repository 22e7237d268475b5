// Package script runs Stave's behaviour tests: txtar files that a learner can read, one behaviour a file. It is
// testscript (github.com/rogpeppe/go-internal/testscript, whose documentation is the manual of the language) with a few
// commands more, a home of its own for every script, and a check that the machine afterwards is as it was before.
//
// A package that has scripts says so in one file:
//
//	func TestMain(m *testing.M) { script.Main(m, map[string]func(){"step": main}) }
//	func TestScripts(t *testing.T) { script.Run(t, "testdata") }
//
// A learner's check is such a script too, and is run outside go test by Check, on a program that the learner has written.
//
// # Conditions
//
// Written [root] before a command, [!root] for the contrary, and without brackets after need:
//
//	root          the real root: user 0 outside any user namespace
//	userns        a user namespace can be made, with all privileges inside
//	subids        newuidmap is installed and this user has a range in /etc/subuid
//	cgroup2       cgroup v2 and nothing else is mounted at /sys/fs/cgroup
//	cgroup:NAME   this process may make a cgroup and set limits with that controller (memory, cpu, pids), v1 or v2
//	apparmor      the kernel has AppArmor enabled, and apparmor_parser is installed
//	386           the kernel runs 32-bit programs of the 386 (only on amd64, and not everywhere there)
//	overlay       overlayfs can be mounted, inside a user namespace if need be
//	source        Stave's source and the go command are here; not so where only the test binaries are
//	exec:NAME     the program NAME is in the PATH
//
// # Commands
//
//	need COND...
//
// Skips the script unless all of these hold, and says why in words. Skips are counted, see Skip. testscript's own skip
// and stop are refused, because a script that ends early that way looks as if it had passed.
//
//	as-root PROG ARG...
//
// Runs PROG as root: as it is if we are root already, otherwise inside "unshare -Ur", where an ordinary user is root
// over nothing but their own. Everything exec knows works: "! as-root", a trailing &, ttyin.
//
//	as-user PROG ARG...
//
// Runs PROG as an ordinary user: as it is if we are one already. Where we are root, it runs in a user namespace in which root's
// id is 12345 and without capabilities, so that root's files are that user's.
//
//	exits N PROG ARG...
//
// Runs PROG, which must exit with the code N: "exits 137 as-root step run hog 1G".
//
//	eventually SECONDS PROG ARG...
//
// Runs PROG again and again until it succeeds, and fails after that many seconds.
//
//	random NAME
//
// Sets the variable NAME to a random word of twelve small letters, which no program can know beforehand.
//
//	registry
//
// Starts a registry on the loopback interface, and sets $REGISTRY to its address, such as 127.0.0.1:40123. It has one image,
// $REGISTRY/box:latest, made from the toolbox; see internal/registry. It goes when the script ends.
//
//	registry DIR LOG
//
// The same for a registry of files, in the directory DIR, which the script may change; see Files in internal/registry.
// Each request is a line in the file LOG: "GET /v2/box/manifests/latest".
//
//	rootfs [DIR]
//
// Puts a toolbox root filesystem of the script's own at DIR, and sets $TOOLBOX to one that all scripts share and none
// may write to: it will do as the lower layer of an overlay. It is built once for each run of go test.
//
// # Environment
//
// HOME, XDG_*, TMPDIR and STAVE_ROOT are the script's own, below $WORK. The go command finds the caches it had outside.
//
//	STAVE_SKIPS    a file that gets a line of JSON (type Record) for every skip
//	STAVE_SLOW     how many times slower than usual this machine is, such as 10; deadlines grow by it
//	STAVE_TOOLBOX  a root filesystem that is there already and needn't be built
package script
