package doctor

import "golang.org/x/sys/unix"

// Facts is what Gather saw. An Errno of 0 means that a trial succeeded.
type Facts struct {
	Release   string // uname(2), as in 6.8.0-45-generic
	Arch      string // Go's name for it
	Container string // docker, podman, lxc …; "" outside of a container
	User      string // name in /etc/passwd, or the number
	UID       int
	CapEff    uint64 // effective capabilities, one bit each; capabilities(7)
	InUserNS  bool   // already in a user namespace that doesn't map all ids
	Chrooted  bool   // / is not the root of the mount namespace
	Filtered  bool   // a seccomp filter is on this process
	Filters   bool   // this kernel offers seccomp filters
	AppArmor  string // profile of this process; "" or "unconfined" if there is none
	Systemd   bool
	Sysctl    map[string]string // those in userNSSysctls that exist here
	UserNS    unix.Errno        // clone(2) of a child in a new user namespace
	Trials    Trials
	SubUID    []IDRange
	SubGID    []IDRange
	MapTools  map[string]MapTool // newuidmap and newgidmap, if they are in PATH
	Cgroups   Cgroups
	Dirs      []Dir
	Tools     map[string]string // name to path; "" if it isn't in PATH
}

// Trials is what happened to a child in the namespaces a container gets.
type Trials struct {
	Clone    unix.Errno            // clone(2) of that child; the rest says nothing if it failed
	Hostname unix.Errno            // sethostname(2)
	Private  unix.Errno            // making every mount private
	Tmpfs    unix.Errno            // mounting a tmpfs
	Proc     unix.Errno            // mounting a proc of the new pid namespace
	Overlay  []unix.Errno          // mounting and using an overlay; one for each directory
	Calls    map[string]unix.Errno // by name; see probes
	Networks map[string]unix.Errno // by name; see networks
}

// Dir is a directory that will hold layers and root filesystems.
type Dir struct {
	Path    string
	FSType  int64      // magic number; statfs(2)
	Free    uint64     // bytes that this user may fill
	NoExec  bool       // mounted so that no program on it can be started
	Create  unix.Errno // making a directory in it
	Tried   bool       // the next says something
	Overlay unix.Errno // as in Trials
}

// IDRange is a line of /etc/subuid or /etc/subgid; subuid(5).
type IDRange struct {
	Owner        string // name or number of a user
	Start, Count uint64
}

// MapTool is newuidmap or newgidmap.
type MapTool struct {
	Path       string
	Privileged bool // it has the set-user-ID bit or a file capability, and they count
}

// Cgroups says which control-group hierarchies are mounted, and what the
// controllers in them let this process do.
type Cgroups struct {
	Layout      string // "v1", "hybrid", "v2", or "none"
	Controllers []Controller
}

// Controller is one controller and the directory in which a container's cgroup would be made.
type Controller struct {
	Name     string
	Version  int // 1 or 2; 0 if no hierarchy has it
	Dir      string
	Write    unix.Errno // access(2) for writing Dir
	Withheld bool       // v2: the kernel has it, but Dir was not given it
	Busy     bool       // v2: processes in Dir keep it from handing the controller on
	Disabled bool       // switched off when the kernel was started
}
