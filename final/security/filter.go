package security

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A Filter is a seccomp configuration as the kernel takes it.
type Filter struct {
	// Listener is the socket of the process that decides about some calls, and Metadata what it is told besides. The descriptor it needs is
	// the plan's result [Listener] (seccomp_unotify(2)). It is empty if no rule asks for it.
	Listener, Metadata string

	program []byte // an array of struct sock_filter, of instructionSize bytes each
	flags   uint32
	names   string // of the flags
}

// Listener is the result of [Filter.Install] if the filter has one: a descriptor of the child's.
const Listener = "listener"

// Compile makes a filter of linux.seccomp for this machine. Names that no machine has are passed over, as by runc and crun: a newer
// kernel may have them. The filter of a configuration without default and rules is nil, and installs nothing.
func Compile(s *specs.LinuxSeccomp) (*Filter, error) { return compile(s, runtime.GOARCH) }

func compile(s *specs.LinuxSeccomp, goarch string) (*Filter, error) {
	if s.DefaultAction == "" && len(s.Syscalls) == 0 {
		return nil, nil
	}
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		return nil, fmt.Errorf("linux.seccomp.listenerMetadata needs linux.seccomp.listenerPath")
	}
	ways, err := choose(goarch, s.Architectures)
	if err != nil {
		return nil, err
	}
	p, err := read(s)
	if err != nil {
		return nil, err
	}
	f := &Filter{}
	if p.listener {
		f.Listener, f.Metadata = s.ListenerPath, s.ListenerMetadata
	}
	if err := f.setFlags(s.Flags); err != nil {
		return nil, err
	}
	program := p.assemble(ways)
	if len(program) > unix.BPF_MAXINSNS {
		return nil, fmt.Errorf("linux.seccomp makes a filter of %d instructions; the kernel takes %d", len(program), unix.BPF_MAXINSNS)
	}
	f.program = encode(program)
	return f, nil
}

// assemble joins the searches of all ways of calling. A call in a way that isn't listed ends the thread, as with libseccomp.
func (p *profile) assemble(ways []abi) []unix.SockFilter {
	c := &program{code: make([]unix.SockFilter, 0, 1024), answers: map[uint32]int{}}
	next := c.answer(unix.SECCOMP_RET_KILL_THREAD)
	for i := len(ways) - 1; i >= 0; i-- {
		var spans []span
		switch way := ways[i]; way.arch {
		case specs.ArchX32:
			continue // with x86-64, whose token it shares
		case specs.ArchX86_64:
			spans = p.spans(way, x32Bit)
			// Number -1 is what a tracer puts in place of a call to be passed over. It has bit 30, but isn't x32's.
			const none = 1<<32 - 1
			if i+1 < len(ways) && ways[i+1].arch == specs.ArchX32 {
				spans = append(spans, p.spans(ways[i+1], none)...)
			} else {
				spans = append(spans, span{first: x32Bit, answer: unix.SECCOMP_RET_KILL_THREAD})
			}
			spans = append(spans, span{first: none, answer: p.unknown})
		default:
			spans = p.spans(way, 1<<32)
		}
		found := c.load(offsetNumber, ^uint32(0), c.search(spans, ways[i].narrow))
		next = c.branch(opEqual, ways[i].token, found, next)
	}
	c.load(offsetArch, ^uint32(0), next)
	return c.turned()
}

// setFlags reads linux.seccomp.flags. None at all means SPEC_ALLOW, as with runc: a filter needn't slow down speculation. TSYNC
// is about other threads, and the process that installs the filter has none.
func (f *Filter) setFlags(list []specs.LinuxSeccompFlag) error {
	if list == nil {
		list = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow}
	}
	var names []string
	for _, flag := range list {
		switch flag {
		case "SECCOMP_FILTER_FLAG_TSYNC":
			continue
		case specs.LinuxSeccompFlagLog:
			f.flags |= unix.SECCOMP_FILTER_FLAG_LOG
		case specs.LinuxSeccompFlagSpecAllow:
			f.flags |= unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		case specs.LinuxSeccompFlagWaitKillableRecv:
			if f.Listener == "" {
				continue // it is about waiting for a listener, and EINVAL without one
			}
			f.flags |= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
		default:
			return fmt.Errorf("linux.seccomp.flags: there is no %q", flag)
		}
		names = append(names, string(flag))
	}
	if f.Listener != "" {
		f.flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		names = append(names, "SECCOMP_FILTER_FLAG_NEW_LISTENER")
	}
	f.names = strings.Join(names, "|")
	if f.names == "" {
		f.names = "0"
	}
	return nil
}

// Install appends the child's operation that puts the filter in place. It takes no_new_privs or CAP_SYS_ADMIN, and comes as
// late as can be, because it is for the calls of the plan, too. Of a nil filter there is nothing to install.
func (f *Filter) Install(p *plan.Plan) {
	if f == nil {
		return
	}
	length := len(f.program) / instructionSize
	c := plan.Call{Name: "seccomp", Args: []plan.Arg{
		plan.Sym("SECCOMP_SET_MODE_FILTER", unix.SECCOMP_SET_MODE_FILTER), plan.Sym(f.names, int(f.flags)),
		plan.Struct(fmt.Sprintf("{%d instructions, filter}", length), // struct sock_fprog
			plan.U16(plan.Int(length)), plan.U16(plan.Int(0)), plan.U32(plan.Int(0)), plan.U64(plan.Bytes("filter", f.program)))}}
	if f.Listener != "" {
		c.Result = Listener
	}
	p.Add(plan.Op{Actor: plan.Child, What: "filtering system calls", Step: step,
		Why: "the kernel's calls are its widest door; of most a container needs none", Calls: []plan.Call{c}})
}

// saved begins a filter in a file. It is another one whenever Compile makes other programs.
const saved = "filter 1\n"

// Save is the filter as [Saved] takes it, so that it needn't be compiled for each process of a container. One with a listener, and none, give nil.
func (f *Filter) Save() []byte {
	if f == nil || f.Listener != "" {
		return nil
	}
	return append(fmt.Appendf(nil, "%s%d %s\n", saved, f.flags, f.names), f.program...)
}

// Saved is a filter from what Save gave; nil if it isn't that.
func Saved(b []byte) *Filter {
	rest, ok := bytes.CutPrefix(b, []byte(saved))
	line, program, _ := bytes.Cut(rest, []byte("\n"))
	f := &Filter{}
	if _, err := fmt.Sscan(string(line), &f.flags, &f.names); !ok || err != nil || len(program) == 0 || len(program)%instructionSize != 0 {
		return nil
	}
	f.program = program
	return f
}

const instructionSize = 8

// encode lays a program out as an array of struct sock_filter.
func encode(program []unix.SockFilter) []byte {
	b := make([]byte, 0, instructionSize*len(program))
	for _, in := range program {
		b = binary.NativeEndian.AppendUint16(b, in.Code)
		b = append(b, in.Jt, in.Jf)
		b = binary.NativeEndian.AppendUint32(b, in.K)
	}
	return b
}
