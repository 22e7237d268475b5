package doctor

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Status grades a Finding.
type Status int

// From good to bad.
const (
	OK      Status = iota
	Limited        // the steps run, without some of what they show
	Missing        // the steps can't run
)

// Finding is one line of the report.
type Finding struct {
	Name   string
	Status Status
	Found  string   // what there is
	Why    string   // what that means; only if Status isn't OK, like the rest
	Fixes  []Fix    // ways out, best first
	Steps  []string // which steps it affects
}

// Fix is a way out: a sentence, a command to type, or both.
type Fix struct{ Text, Command string }

// Steps are what a Finding can affect.
var Steps = []string{"01-uts", "02-pid", "03-mount", "04-cgroups", "05-overlay", "06-images", "07-network", "08-user", "09-security", "final"}

// A mechanism is also needed by whatever comes after its step.
var (
	mountSteps   = Steps[2:]
	limitSteps   = Steps[3:]
	overlaySteps = Steps[4:]
	imageSteps   = Steps[5:]
)

// Diagnose says what the facts mean for the steps.
func Diagnose(f *Facts) []Finding {
	if wsl(f.Release) == 1 {
		return []Finding{{
			"kernel", Missing, "WSL 1", "It imitates Linux on the Windows kernel and has no namespaces. WSL 2 runs a real Linux.",
			[]Fix{{"in PowerShell (wsl -l prints the name):", "wsl --set-version NAME 2"}}, Steps,
		}}
	}
	all := []Finding{kernel(f), privilege(f), namespaces(f), userNamespaces(f), subordinateIDs(f), mounts(f), calls(f)}
	all = append(all, cgroups(f)...)
	for _, d := range f.Dirs {
		all = append(all, overlay(f, d))
	}
	all = append(all, network(f), seccomp(f))
	all = append(all, tools(f)...)
	return slices.DeleteFunc(all, func(finding Finding) bool { return finding.Name == "" })
}

// Ready grades each of Steps by the worst finding that affects it.
func Ready(findings []Finding) map[string]Status {
	status := map[string]Status{}
	for _, step := range Steps {
		status[step] = OK
	}
	for _, f := range findings {
		for _, step := range f.Steps {
			status[step] = max(status[step], f.Status)
		}
	}
	return status
}

func kernel(f *Facts) Finding {
	found := "Linux " + f.Release + " on " + f.Arch
	if f.Container != "" {
		found += ", in a container (" + f.Container + ")"
	}
	var major, minor int
	_, err := fmt.Sscanf(f.Release, "%d.%d", &major, &minor)
	switch {
	case err == nil && (major < 5 || major == 5 && minor < 15):
		return Finding{
			"kernel", Limited, found, "Stave is made for Linux 5.15 and later. The lines below say what this one lacks; it may be more.",
			[]Fix{{Text: "use a distribution of 2022 or later, perhaps in a virtual machine: see README.md"}}, Steps,
		}
	case f.Arch != "amd64" && f.Arch != "arm64":
		return Finding{"kernel", Limited, found, "Stave is tested on amd64 and arm64; many images exist for nothing else.", nil, imageSteps}
	default:
		return Finding{Name: "kernel", Found: found}
	}
}

// wsl is the version of the Windows Subsystem for Linux, or 0. The names of its kernels end in -Microsoft (1) and
// -microsoft-standard-WSL2 (2).
func wsl(release string) int {
	switch {
	case strings.HasSuffix(release, "-Microsoft"):
		return 1
	case strings.Contains(release, "-microsoft-"):
		return 2
	default:
		return 0
	}
}

func namespaces(f *Facts) Finding {
	e := f.Trials.Clone
	switch {
	case e == 0:
		return Finding{Name: "namespaces", Found: "uts, pid, mount, ipc, net and cgroup: can be made"}
	case !f.direct():
		return Finding{} // for a cause that has its own line
	case e == unix.EINVAL:
		return Finding{"namespaces", Missing, refused("clone", e), "This kernel was built without some kind of them.", []Fix{otherKernel}, Steps}
	default:
		return Finding{"namespaces", Missing, refused("clone", e), refuser(f), outside(f), Steps}
	}
}

func calls(f *Facts) Finding {
	var bad []string
	why, fixes := "This kernel is too old for it.", []Fix{otherKernel}
	for _, call := range probes {
		if e := f.Trials.Calls[call.name]; e != 0 {
			bad = append(bad, refused(call.name, e))
			if e != unix.ENOSYS || f.Filtered {
				why, fixes = refuser(f), outside(f)
			}
		}
	}
	switch {
	case f.Trials.Calls == nil:
		return Finding{} // not tried, for a cause that has its own line
	case len(bad) > 0:
		return Finding{"system calls", Missing, strings.Join(bad, ", "), why, fixes, mountSteps}
	default:
		return Finding{Name: "system calls", Found: "the newest that are needed are there"}
	}
}

func network(f *Facts) Finding {
	var made, bad []string
	for _, n := range networks {
		if e := f.Trials.Networks[n.name]; e != 0 {
			bad = append(bad, refused(n.name, e))
		}
		made = append(made, n.name)
	}
	switch {
	case f.Trials.Networks == nil:
		return Finding{} // not tried, for a cause that has its own line
	case len(bad) > 0:
		return Finding{
			"networks", Limited, strings.Join(bad, ", "), "Containers can't be connected; --network none and host work.",
			[]Fix{{"as root, if the kernel has them as modules:", "modprobe -a bridge veth nf_tables"}, otherKernel}, Steps[6:7],
		}
	default:
		return Finding{Name: "networks", Found: strings.Join(made, ", ") + ": can be made"}
	}
}

func seccomp(f *Facts) Finding {
	if f.Filters {
		return Finding{Name: "seccomp", Found: "filters are available"}
	}
	return Finding{"seccomp", Limited, "this kernel has no filters", "They refuse single system calls, which is what step 09 ends with.", []Fix{otherKernel}, Steps[8:9]}
}

func tools(f *Facts) (all []Finding) {
	for _, t := range []struct {
		name, why, fix string
		steps          []string
	}{
		{"go", "Each step is run from its source.", "install it as go.dev/doc/install says, and add its bin to PATH", Steps[:9]},
		{"git", "Stave is fetched and updated with it.", "install the package git", nil},
		{"unshare", "The steps up to 07 get their privilege from unshare -Ur.", "install the package util-linux", Steps[:7]},
	} {
		switch path := f.Tools[t.name]; {
		case path != "":
			all = append(all, Finding{Name: t.name, Found: path})
		case t.name == "unshare" && f.direct():
		case t.steps == nil:
			all = append(all, Finding{t.name, Limited, "not in PATH", t.why, []Fix{{Text: t.fix}}, nil})
		default:
			all = append(all, Finding{t.name, Missing, "not in PATH", t.why, []Fix{{Text: t.fix}}, t.steps})
		}
	}
	return all
}

// refused is a failed trial in words: the call, and its error as the manual spells it.
func refused(call string, e unix.Errno) string {
	return fmt.Sprintf("%s: %s (%s)", call, e.Error(), unix.ErrnoName(e))
}

// refuser names what is known to refuse calls that the kernel would grant.
func refuser(f *Facts) string {
	const why = "Something keeps this process from it"
	confined := f.AppArmor != "" && !strings.HasPrefix(f.AppArmor, "unconfined")
	switch {
	case f.Filtered && confined:
		return why + ": the seccomp filter on it, or its AppArmor profile, " + f.AppArmor + "."
	case f.Filtered:
		return why + ", probably the seccomp filter on it."
	case confined:
		return why + ", probably its AppArmor profile, " + f.AppArmor + "."
	default:
		return why + "."
	}
}

var otherKernel = Fix{Text: "use a distribution's own kernel, up to date"}

// outside says how to get out of what confines this process, or to loosen it.
func outside(f *Facts) []Fix {
	fixes := []Fix{{Text: "run this where nothing confines it: on the machine itself, or in a virtual machine"}}
	if f.Container == "docker" || f.Container == "podman" {
		fixes = append(fixes, Fix{"or start the container, if you trust what is in it, with:", f.Container + " run --privileged --cgroupns=host …"})
	}
	return fixes
}
