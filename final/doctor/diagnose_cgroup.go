package doctor

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

var layouts = map[string]string{
	"v2":     "v2: one hierarchy for all controllers",
	"v1":     "v1: hierarchies for each controller",
	"hybrid": "hybrid: v1 hierarchies with controllers, and a v2 one beside them",
	"none":   "no hierarchy is mounted",
}

// cgroups has a line for the layout, and one for all controllers that share a trouble.
func cgroups(f *Facts) []Finding {
	all := []Finding{{Name: "cgroups", Found: layouts[f.Cgroups.Layout]}}
	if f.Cgroups.Layout == "none" {
		all[0].Status, all[0].Why = Limited, "Limits on memory, cpu and processes are refused."
		all[0].Fixes, all[0].Steps = []Fix{{"as root:", "mount -t cgroup2 cgroup2 /sys/fs/cgroup"}}, limitSteps
		return all
	}
	for _, c := range f.Cgroups.Controllers {
		next := controller(f, c)
		if previous := &all[len(all)-1]; next.Status != OK && previous.Found == next.Found && previous.Why == next.Why {
			previous.Name += ", " + c.Name
			continue
		}
		all = append(all, next)
	}
	return all
}

func controller(f *Facts, c Controller) Finding {
	name := "limits: " + c.Name
	limited := func(found, why string, fixes ...Fix) Finding {
		return Finding{name, Limited, found, why, fixes, limitSteps}
	}
	switch {
	case c.Disabled:
		return limited("switched off when the kernel started", "The boot loader passes cgroup_disable, as on a Raspberry Pi.",
			Fix{Text: "append cgroup_enable=" + c.Name + " to the kernel's command line (/boot/firmware/cmdline.txt there) and restart"})
	case c.Version == 0:
		return limited("in no hierarchy", "The kernel was built without this controller, or its hierarchy isn't mounted.", otherKernel)
	case c.Write == unix.EROFS:
		return limited("refused", "The hierarchy is mounted read-only, as in a container.", outside(f)...)
	case c.Write != 0 && c.Version == 1:
		return limited("refused", "With v1 hierarchies only root may set limits.",
			Fix{Text: "run as root"}, Fix{Text: "or start the kernel with systemd.unified_cgroup_hierarchy=1, for v2"})
	case c.Write != 0:
		return limited("refused", "No cgroup was handed to you (delegated), so only root may set limits.", delegate(f)...)
	case c.Withheld && f.direct() && !f.InUserNS:
		return limited("refused in "+c.Dir, "The cgroup at the top of what can be seen was not given this controller.", outside(f)...)
	case c.Busy:
		return limited("refused in "+c.Dir, "Processes are in that cgroup, so it can't hand controllers on; see cgroups(7), no internal processes.", outside(f)...)
	case c.Withheld:
		return limited("refused in "+c.Dir, "The cgroup is yours, but was not given this controller.", giveControllers)
	default:
		return Finding{Name: name, Found: fmt.Sprintf("can be set (v%d, in %s)", c.Version, c.Dir)}
	}
}

// giveControllers makes systemd hand its users every controller; see systemd.resource-control(5).
var giveControllers = Fix{
	"as root, then log in again:",
	`mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\nDelegate=cpu cpuset io memory pids\n' > /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload`,
}

// delegate says how to get a cgroup to oneself; see cgroups(7), Cgroups delegation.
func delegate(f *Facts) []Fix {
	if f.Systemd {
		return []Fix{{"put this before the command:", "systemd-run --user --scope -q -p Delegate=yes"}, {Text: "or run as root"}}
	}
	command := strings.ReplaceAll(`(cd /sys/fs/cgroup && echo +cpu +memory +pids > cgroup.subtree_control && mkdir -p USER/shell && `+
		`chown USER USER USER/cgroup.procs USER/cgroup.subtree_control USER/shell USER/shell/cgroup.procs && `+
		`echo $$ > USER/shell/cgroup.procs) && su USER`, "USER", f.User)
	return []Fix{{"as root, in the shell that is to become yours:", command}, {Text: "or run as root"}}
}
