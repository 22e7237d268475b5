package security

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// capabilities are the names of the kernel's capabilities by number; see capabilities(7).
var capabilities = strings.Fields(`
	CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP
	CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER
	CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE
	CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP
	CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF
	CAP_CHECKPOINT_RESTORE`)

// AllCapabilities are the names of every capability there is, whether this process has it or not.
func AllCapabilities() []string { return CapabilitiesIn(1<<64 - 1) }

// CapabilitiesIn are the names of the capabilities of a set: bit n is capability n.
func CapabilitiesIn(bits uint64) []string {
	var names []string
	for n, name := range capabilities {
		if bits>>n&1 != 0 {
			names = append(names, name)
		}
	}
	return names
}

// DefaultCapabilities are the fourteen that a container of Docker's has, which make root inside what most programs expect, but
// not master of the machine.
func DefaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
		"CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	}
}

// set is a list of names as bits. Names that no capability has are added to unknown.
func set(names []string, unknown *[]string) (bits uint64) {
	for _, name := range names {
		if n := slices.Index(capabilities, name); n >= 0 {
			bits |= 1 << n
		} else if unknown != nil && !slices.Contains(*unknown, name) {
			*unknown = append(*unknown, name)
		}
	}
	return bits
}

// Obtainable is a configuration without what can't be granted: what the runtime doesn't have itself, given as bits. "Runtimes
// SHOULD NOT fail if the container configuration requests capabilities that cannot be granted" (config.md, "process"), but each
// is worth a warning.
func Obtainable(c *specs.LinuxCapabilities, have uint64) (obtainable *specs.LinuxCapabilities, warnings []string) {
	if c == nil {
		return nil, nil
	}
	keep := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			n := slices.Index(capabilities, name)
			if n < 0 || have>>n&1 != 0 {
				return false
			}
			if w := fmt.Sprintf("process.capabilities: %s can't be granted: this runtime doesn't have it", name); !slices.Contains(warnings, w) {
				warnings = append(warnings, w)
			}
			return true
		})
	}
	return &specs.LinuxCapabilities{Bounding: c.Bounding, Effective: keep(c.Effective), Permitted: keep(c.Permitted), Inheritable: keep(c.Inheritable), Ambient: keep(c.Ambient)}, warnings
}

// Bounding appends the child's operations that come before it changes its user: what isn't in the bounding set is dropped for
// good, and what is permitted outlives the change. No configuration at all means no capabilities. It returns a warning for each
// name that isn't known, which is no failure, as with runc.
func Bounding(p *plan.Plan, c *specs.LinuxCapabilities) (warnings []string, err error) {
	if c == nil {
		c = &specs.LinuxCapabilities{}
	}
	var unknown []string
	for _, names := range [][]string{c.Effective, c.Permitted, c.Inheritable, c.Ambient} {
		set(names, &unknown)
	}
	keep := set(c.Bounding, &unknown)
	op := plan.Op{Actor: plan.Child, What: "dropping capabilities from the bounding set", Step: step,
		Why: "what isn't in it can't be had again, not even by a setuid program"}
	last := lastCapability()
	op.Calls = make([]plan.Call, 0, last+1)
	for n := range last + 1 {
		if keep>>n&1 != 0 {
			continue
		}
		name := fmt.Sprint(n)
		if n < len(capabilities) {
			name = capabilities[n]
		}
		op.Calls = append(op.Calls, plan.Call{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_CAPBSET_DROP", unix.PR_CAPBSET_DROP), plan.Sym(name, n)}})
	}
	if len(op.Calls) > 0 {
		p.Add(op)
	}
	p.Add(plan.Op{Actor: plan.Child, What: "keeping capabilities over a change of user", Step: step, Why: "else an ordinary user could be given none",
		Calls: []plan.Call{{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_KEEPCAPS", unix.PR_SET_KEEPCAPS), plan.Int(1), plan.Int(0), plan.Int(0), plan.Int(0)}}}})
	for _, name := range unknown {
		warnings = append(warnings, fmt.Sprintf("process.capabilities: there is no %q", name))
	}
	return warnings, nil
}

// lastCapability asks the kernel for capabilities younger than this program. All that the oldest supported kernel has are in the table.
func lastCapability() int {
	n := len(capabilities)
	for ; n < 64; n++ {
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0); err != nil {
			break
		}
	}
	return n - 1
}

// Capabilities appends the child's operations that come after it has become the container's user: the sets themselves. An
// ambient capability that can't be had, because it isn't inheritable and permitted, is left out, as with runc.
func Capabilities(p *plan.Plan, c *specs.LinuxCapabilities) {
	if c == nil {
		c = &specs.LinuxCapabilities{}
	}
	effective, permitted, inheritable := set(c.Effective, nil), set(c.Permitted, nil), set(c.Inheritable, nil)
	const version3 = unix.LINUX_CAPABILITY_VERSION_3
	op := plan.Op{Actor: plan.Child, What: "setting capabilities", Step: step, Why: "root's power in forty parts, of which the program gets those it was given (capabilities(7))",
		Calls: []plan.Call{
			{Name: "capset", Args: []plan.Arg{
				plan.Bytes("{_LINUX_CAPABILITY_VERSION_3, 0}", plan.HalfWords(version3, 0)),
				plan.Bytes(fmt.Sprintf("{effective=%#x, permitted=%#x, inheritable=%#x}", effective, permitted, inheritable), plan.HalfWords(
					uint32(effective), uint32(permitted), uint32(inheritable), uint32(effective>>32), uint32(permitted>>32), uint32(inheritable>>32)))}},
			ambient("PR_CAP_AMBIENT_CLEAR_ALL", unix.PR_CAP_AMBIENT_CLEAR_ALL, plan.Int(0)),
		}}
	raise := set(c.Ambient, nil)
	for n, name := range capabilities {
		if raise>>n&1 != 0 {
			call := ambient("PR_CAP_AMBIENT_RAISE", unix.PR_CAP_AMBIENT_RAISE, plan.Sym(name, n))
			call.Allow = []unix.Errno{unix.EPERM}
			op.Calls = append(op.Calls, call)
		}
	}
	p.Add(op)
}

func ambient(name string, what int, which plan.Arg) plan.Call {
	return plan.Call{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_CAP_AMBIENT", unix.PR_CAP_AMBIENT), plan.Sym(name, what), which, plan.Int(0), plan.Int(0)}}
}

// NoNewPrivileges appends the child's operation after which execve(2) gives nothing that the process hasn't already.
func NoNewPrivileges(p *plan.Plan) {
	p.Add(plan.Op{Actor: plan.Child, What: "giving up new privileges", Step: step, Why: "setuid programs gain nothing from here on",
		Calls: []plan.Call{{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_NO_NEW_PRIVS", unix.PR_SET_NO_NEW_PRIVS), plan.Int(1), plan.Int(0), plan.Int(0), plan.Int(0)}}}})
}
