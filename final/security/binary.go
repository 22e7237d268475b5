package security

import (
	"fmt"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// view is the result that is a descriptor of the runtime's program by a way on which nothing can be written.
const view = "program"

// Guard appends the child's operations after which it is no longer a process of the runtime's program file, and puts the
// parent's, which open that file anew, at the beginning of the plan.
//
// Until execve the child is a copy of this process, and /proc/PID/exe leads from inside the container to this program on the
// host, whoever can see it: a process of the container, or the container's own program, if an image makes it a link to
// /proc/self/exe or a script with that for its interpreter. Once nobody runs the program any more, root inside can write to
// what is so opened (CVE-2019-5736). runc and crun execute a copy of themselves or a read-only mount first, which is a second
// start of the program. Here the child maps itself anew instead, from a mount of the file that is read-only and attached
// nowhere, page by page the same, and tells the kernel that this is its program. Who opens that gets a file on a read-only
// mount, whatever rights they have.
//
// Who may not mount takes a sealed copy in memory, which costs a millisecond.
//
// It needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE in the user namespace the child is then in, and must come before the child
// is in a pid namespace together with others. A kernel without CONFIG_CHECKPOINT_RESTORE can't exchange a program; then there
// is a warning, and nothing is done.
func Guard(p *plan.Plan) (warnings []string, err error) {
	const mmMap, mmMapSize = 14, 15 // PR_SET_MM_MAP, PR_SET_MM_MAP_SIZE
	var size uint32
	if _, err := unix.PrctlRetInt(unix.PR_SET_MM, mmMapSize, uintptr(unsafe.Pointer(&size)), 0, 0); err != nil {
		return []string{"this kernel (without CONFIG_CHECKPOINT_RESTORE) can't keep a process of a container from this program's file (CVE-2019-5736)"}, nil
	}
	segments, err := loaded()
	if err != nil {
		return nil, err
	}
	p.Ops = slices.Insert(p.Ops, 0, openProgram(segments))
	op := plan.Op{Actor: plan.Child, What: "leaving the runtime's program file", Step: step,
		Why: "the container must not get hold of it by /proc/PID/exe; from here on that is the same on a read-only mount (CVE-2019-5736)"}
	for _, s := range segments {
		op.Calls = append(op.Calls, s.remap())
	}
	fields := memoryMap(segments)
	op.Calls = append(op.Calls, plan.Call{Name: "prctl", Args: []plan.Arg{
		plan.Sym("PR_SET_MM", unix.PR_SET_MM), plan.Sym("PR_SET_MM_MAP", mmMap), fields, fields.Size(), plan.Int(0)}})
	// The child is a copy, descriptors included. With the last one the mount ends, for which the kernel waits until no processor looks at it any more (synchronize_rcu): that is to be
	// the parent's, which has nothing else to do then.
	op.Calls = append(op.Calls, plan.Call{Name: "close", Args: []plan.Arg{plan.Ref("tree")}})
	p.Drop = append(p.Drop, "tree")
	p.Add(op)
	return nil, nil
}

// openProgram is the parent's operation that opens the file it is executing.
func openProgram(segments []segment) plan.Op {
	exe := plan.Str("/proc/self/exe")
	readOnly := plan.Sym("O_RDONLY|O_CLOEXEC", unix.O_RDONLY|unix.O_CLOEXEC)
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	last := segments[len(segments)-1]
	op := plan.Op{Actor: plan.Parent, What: "opening the runtime's program so that nobody can write to it", Step: step,
		Why: "a mount of it that is read-only, or else a sealed copy", Calls: []plan.Call{
			{Name: "open_tree", Result: "tree", Allow: []unix.Errno{unix.EPERM, unix.EINVAL}, Args: []plan.Arg{
				plan.AtCWD(), exe, plan.Sym("OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)}},
			{Name: "mount_setattr", Args: []plan.Arg{plan.Ref("tree"), plan.Str(""), plan.Sym("AT_EMPTY_PATH", unix.AT_EMPTY_PATH),
				plan.Bytes("{MOUNT_ATTR_RDONLY}", plan.Words(unix.MOUNT_ATTR_RDONLY, 0, 0, 0)), plan.Int(unix.MOUNT_ATTR_SIZE_VER0)}},
			{Name: "openat", Result: view, Args: []plan.Arg{plan.AtCWD(), plan.Concat(plan.Str("/proc/self/fd/"), plan.Ref("tree")), readOnly}},
			{Name: "openat", Result: "own", Args: []plan.Arg{plan.AtCWD(), exe, readOnly}},
			{Name: "memfd_create", Result: "copy", Args: []plan.Arg{plan.Str("program"), plan.Sym("MFD_CLOEXEC|MFD_ALLOW_SEALING", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)}},
			{Name: "sendfile", Args: []plan.Arg{plan.Ref("copy"), plan.Ref("own"), plan.Null(), plan.Sym("length", int(last.offset+last.size))}},
			{Name: "fcntl", Args: []plan.Arg{plan.Ref("copy"), plan.Sym("F_ADD_SEALS", unix.F_ADD_SEALS),
				plan.Sym("F_SEAL_SEAL|F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE", seals)}},
			{Name: "openat", Result: view, Args: []plan.Arg{plan.AtCWD(), plan.Concat(plan.Str("/proc/self/fd/"), plan.Ref("copy")), readOnly}},
			{Name: "close", Args: []plan.Arg{plan.Ref("copy")}}, // what is open for writing can't be executed
		}}
	for i := range op.Calls[3:] {
		op.Calls[i+3].Unless = "tree"
	}
	return op
}

// Hide appends the child's operation after which processes of the container it is about to join can't look at what it has open,
// unless they have CAP_SYS_PTRACE over the host. Files of its own in proc then belong to the host's root, and descriptors can
// be fetched from it only with that capability.
func Hide(p *plan.Plan) {
	p.Add(plan.Op{Actor: plan.Child, What: "hiding from the container's processes", Step: step,
		Why:   "until it becomes their program, what it has open is the host's",
		Calls: []plan.Call{{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_DUMPABLE", unix.PR_SET_DUMPABLE), plan.Int(0)}}}})
}

// A segment is a part of this program's file that is mapped, in whole pages; see elf(5).
type segment struct {
	name                 string
	start, size, offset  uint64 // in memory, and in the file
	writable, executable bool
}

// remap maps the same part of the program over a segment, by the way on which nothing can be written. Variables are then what they were
// when the program began. The child uses none: all it goes by is on its stack and in the plan's memory.
func (s segment) remap() plan.Call {
	text, protection := "PROT_READ", unix.PROT_READ
	if s.executable {
		text, protection = "PROT_READ|PROT_EXEC", unix.PROT_READ|unix.PROT_EXEC
	} else if s.writable {
		text, protection = "PROT_READ|PROT_WRITE", unix.PROT_READ|unix.PROT_WRITE
	}
	return plan.Call{Name: "mmap", Args: []plan.Arg{plan.Sym("&"+s.name, int(s.start)), plan.Sym("sizeof "+s.name, int(s.size)), plan.Sym(text, protection),
		plan.Sym("MAP_PRIVATE|MAP_FIXED", unix.MAP_PRIVATE|unix.MAP_FIXED), plan.Ref(view), plan.Sym("offset of "+s.name, int(s.offset))}}
}

// A programHeader is Elf64_Phdr of elf.h.
type programHeader struct {
	kind, flags                        uint32
	offset, address, _, fileSize, _, _ uint64
}

// loaded finds this program's segments by the headers that the kernel loaded with it.
func loaded() ([]segment, error) {
	vector, err := unix.Auxv()
	if err != nil {
		return nil, fmt.Errorf("reading the auxiliary vector: %w", err)
	}
	at := map[uintptr]uintptr{}
	for _, pair := range vector {
		at[pair[0]] = pair[1]
	}
	const phdr, number, ptLoad, ptPhdr = 3, 5, 1, 6 // AT_PHDR, AT_PHNUM, PT_LOAD, PT_PHDR
	address := at[phdr]
	if address == 0 {
		return nil, fmt.Errorf("the kernel doesn't tell where this program's headers are")
	}
	headers := unsafe.Slice(*(**programHeader)(unsafe.Pointer(&address)), at[number])
	var shift uint64 // of a position-independent program
	for _, h := range headers {
		if h.kind == ptPhdr {
			shift = uint64(address) - h.address
		}
	}
	page := uint64(os.Getpagesize() - 1)
	var list []segment
	for _, h := range headers {
		if h.kind != ptLoad || h.fileSize == 0 {
			continue
		}
		s := segment{start: (h.address + shift) &^ page, offset: h.offset &^ page, executable: h.flags&1 != 0, writable: h.flags&2 != 0}
		s.size = (h.address+shift+h.fileSize+page)&^page - s.start
		switch {
		case s.executable:
			s.name = "text"
		case s.writable:
			s.name = "data"
		default:
			s.name = "rodata"
		}
		list = append(list, s)
	}
	return list, nil
}

// memoryMap is a struct prctl_mm_map (linux/prctl.h, prctl(2)) that exchanges the program, and otherwise says of this process what is true.
func memoryMap(segments []segment) plan.Arg {
	var text, data segment
	for _, s := range segments {
		switch s.name {
		case "text":
			text = s
		case "data":
			data = s
		}
	}
	word := func(n uint64) plan.Field { return plan.U64(plan.Int(int(n))) }
	arguments := text.start
	length := uint64(0)
	if len(os.Args) > 0 && os.Args[0] != "" {
		arguments, length = uint64(uintptr(unsafe.Pointer(unsafe.StringData(os.Args[0])))), uint64(len(os.Args[0]))
	}
	end := data.start + data.size
	return plan.Struct("{..., exe_fd="+view+"}",
		word(text.start), word(text.start+text.size), word(data.start), word(end), // start_code, end_code, start_data, end_data
		word(end), word(end), // start_brk, brk: Go uses none
		word(arguments),                                                                         // start_stack
		word(arguments), word(arguments+length), word(arguments+length), word(arguments+length), // arg_start, arg_end, env_start, env_end
		word(0), plan.U32(plan.Int(0)), plan.U32(plan.Ref(view))) // auxv, auxv_size, exe_fd
}
