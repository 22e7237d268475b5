package security

import (
	"fmt"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A module is a security module that can give a program a label. The numbers are of the kernel's linux/lsm.h; see also
// Documentation/userspace-api/lsm.rst.
type module struct {
	id   uint64 // LSM_ID_* of linux/lsm.h
	name string
	file string // in proc, for kernels before 6.8
}

var (
	appArmor = module{104, "LSM_ID_APPARMOR", "thread-self/attr/apparmor/exec"}
	seLinux  = module{101, "LSM_ID_SELINUX", "thread-self/attr/exec"}
)

// Labels appends the child's operations that have the kernel give the program a label when it is executed: process.apparmorProfile and
// process.selinuxLabel. Where the kernel hasn't the module, the operation fails with EOPNOTSUPP or ENOENT, and its name is the field.
func Labels(p *plan.Plan, apparmor, selinux string) error {
	for _, l := range []struct {
		field, value, text string
		module             module
	}{
		{"process.apparmorProfile", apparmor, "exec " + apparmor, appArmor},
		{"process.selinuxLabel", selinux, selinux, seLinux},
	} {
		if l.value == "" {
			continue
		}
		if len(l.text) > 4000 { // the kernel takes a page
			return fmt.Errorf("%s is too long", l.field)
		}
		p.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("setting %s to %s", l.field, l.value), Step: step,
			Why:   "what the program may do is then up to the security module's policy for this label, too",
			Calls: l.module.calls(p, l.text)})
	}
	return nil
}

// calls set the label without a file if the kernel can. Otherwise it is written in a proc of our own: in the container's, something else could be
// where the file should be, and take the label without a word (CVE-2019-16884, CVE-2025-52881).
func (m module) calls(p *plan.Plan, text string) []plan.Call {
	done, fs, mount, file := p.Name("labelled"), p.Name("fs"), p.Name("proc"), p.Name("label")
	context := plan.Words(m.id, 0, uint64(32+len(text)), uint64(len(text))) // struct lsm_ctx
	context = append(context, text...)
	const attrExec = 101 // LSM_ATTR_EXEC
	calls := []plan.Call{
		{Name: "lsm_set_self_attr", Result: done, Allow: []unix.Errno{unix.ENOSYS}, Args: []plan.Arg{plan.Sym("LSM_ATTR_EXEC", attrExec),
			plan.Bytes(fmt.Sprintf("{%s, %q}", m.name, text), context), plan.Int(len(context)), plan.Int(0)}},
		{Name: "fsopen", Result: fs, Args: []plan.Arg{plan.Str("proc"), plan.Sym("FSOPEN_CLOEXEC", unix.FSOPEN_CLOEXEC)}},
		{Name: "fsconfig", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSCONFIG_CMD_CREATE", unix.FSCONFIG_CMD_CREATE), plan.Null(), plan.Null(), plan.Int(0)}},
		{Name: "fsmount", Result: mount, Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSMOUNT_CLOEXEC", unix.FSMOUNT_CLOEXEC), plan.Int(0)}},
		{Name: "openat", Result: file, Args: []plan.Arg{plan.Ref(mount), plan.Str(m.file), plan.Sym("O_WRONLY|O_CLOEXEC", unix.O_WRONLY|unix.O_CLOEXEC)}},
		{Name: "write", Args: []plan.Arg{plan.Ref(file), plan.Str(text), plan.Int(len(text))}},
	}
	for i := range calls[1:] {
		calls[i+1].Unless = done
	}
	return calls
}
