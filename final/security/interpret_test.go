package security

import (
	"encoding/binary"
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A syscallData is the kernel's struct seccomp_data.
type syscallData struct {
	number, arch uint32
	args         [6]uint64
}

// instructions are what a filter's program consists of.
func (f *Filter) instructions() (list []unix.SockFilter) {
	for in := range slices.Chunk(f.program, instructionSize) {
		list = append(list, unix.SockFilter{Code: binary.NativeEndian.Uint16(in), Jt: in[2], Jf: in[3], K: binary.NativeEndian.Uint32(in[4:])})
	}
	return list
}

// interpret is classic BPF as the kernel runs it on a struct seccomp_data. It refuses whatever the kernel refuses when a filter is installed: other
// instructions, jumps out of the program, an end without an answer.
func interpret(c []unix.SockFilter, d syscallData) (uint32, error) {
	memory := binary.LittleEndian.AppendUint32(nil, d.number)
	memory = binary.LittleEndian.AppendUint32(memory, d.arch)
	memory = binary.LittleEndian.AppendUint64(memory, 0) // instruction_pointer
	for _, a := range d.args {
		memory = binary.LittleEndian.AppendUint64(memory, a)
	}
	var accumulator uint32
	branch := func(yes bool, in unix.SockFilter) int {
		if yes {
			return int(in.Jt)
		}
		return int(in.Jf)
	}
	for pc := 0; pc < len(c); pc++ {
		in := c[pc]
		switch in.Code {
		case opLoad:
			if in.K%4 != 0 || int(in.K)+4 > len(memory) {
				return 0, fmt.Errorf("%d: loads from %d", pc, in.K)
			}
			accumulator = binary.LittleEndian.Uint32(memory[in.K:])
		case opAnd:
			accumulator &= in.K
		case opJump:
			pc += int(in.K)
		case opEqual:
			pc += branch(accumulator == in.K, in)
		case opMore:
			pc += branch(accumulator > in.K, in)
		case opLeast:
			pc += branch(accumulator >= in.K, in)
		case opReturn:
			return in.K, nil
		default:
			return 0, fmt.Errorf("%d: unknown instruction %#x", pc, in.Code)
		}
	}
	return 0, fmt.Errorf("ran out of the program")
}

var doors = findDoors(readTable())

// expect reads a configuration plainly, one rule after the other, for one call. It knows nothing of spans and trees.
func expect(s *specs.LinuxSeccomp, goarch string, table map[string]numbers, d syscallData) uint32 {
	byDefault := value(s.DefaultAction, s.DefaultErrnoRet)
	listed := append([]specs.Arch{machine(goarch)[0].arch}, s.Architectures...)
	var way *abi
	for i, w := range machine(goarch) {
		x32 := goarch == "amd64" && w.token == unix.AUDIT_ARCH_X86_64 && d.number != 1<<32-1
		if w.token == d.arch && slices.Contains(listed, w.arch) && (!x32 || d.number&x32Bit == w.bit) {
			way = &machine(goarch)[i]
			break
		}
	}
	if way == nil {
		return unix.SECCOMP_RET_KILL_THREAD
	}
	permissive := s.DefaultAction == specs.ActAllow || s.DefaultAction == specs.ActLog || s.DefaultAction == specs.ActTrace
	highest := int32(0)
	for _, c := range s.Syscalls {
		for _, name := range c.Names {
			if n, ok := table[name]; ok && n[way.column] < 0xf0000 {
				highest = max(highest, n[way.column])
			}
		}
	}
	bare := d.number &^ way.bit
	if d.number == 1<<32-1 && way.arch == specs.ArchX86_64 {
		if permissive {
			return byDefault
		}
		return errNoSys
	}
	if !permissive && highest > 0 && bare > uint32(highest) && (way.arch != specs.ArchARM || bare < 0xf0000) {
		return errNoSys
	}
	holds := func(conditions []specs.LinuxSeccompArg) bool {
		count, met := [6]int{}, 0
		for _, c := range conditions {
			count[c.Index]++
			if compared(c, d.args[c.Index], way.narrow) {
				met++
			}
		}
		return met == len(conditions) || met > 0 && slices.Max(count[:]) > 1
	}
	// Two passes: first the rules without conditions, then those with.
	for _, conditional := range []bool{false, true} {
		for _, c := range s.Syscalls {
			a := value(c.Action, c.ErrnoRet)
			if a == byDefault {
				continue
			}
			for _, name := range c.Names {
				n, known := table[name]
				direct := known && int32(bare) != absent && n[way.column] == int32(bare)
				if direct && conditional == (len(c.Args) > 0) && holds(c.Args) {
					return a
				}
				through := way.column == column386 && doors[name] != nil && doors[name].numbers[column386] == int32(bare) && d.args[0]&doors[name].mask == doors[name].call
				if through && conditional && (len(c.Args) == 0 || int32(a) < int32(byDefault)) {
					return a
				}
			}
		}
	}
	return byDefault
}

func value(a specs.LinuxSeccompAction, errno *uint) uint32 {
	n := map[specs.LinuxSeccompAction]uint32{
		specs.ActKill: 0, specs.ActKillThread: 0, specs.ActKillProcess: 0x80000000, specs.ActTrap: 0x30000, specs.ActErrno: 0x50000,
		specs.ActNotify: 0x7fc00000, specs.ActTrace: 0x7ff00000, specs.ActLog: 0x7ffc0000, specs.ActAllow: 0x7fff0000,
	}[a]
	switch {
	case a != specs.ActErrno && a != specs.ActTrace:
		return n
	case errno == nil:
		return n | 1
	}
	return n | uint32(*errno)
}

func compared(c specs.LinuxSeccompArg, arg uint64, narrow bool) bool {
	value, two := c.Value, c.ValueTwo
	if narrow {
		arg, value, two = arg&(1<<32-1), value&(1<<32-1), two&(1<<32-1)
	}
	switch c.Op {
	case specs.OpEqualTo:
		return arg == value
	case specs.OpNotEqual:
		return arg != value
	case specs.OpLessThan:
		return arg < value
	case specs.OpLessEqual:
		return arg <= value
	case specs.OpGreaterThan:
		return arg > value
	case specs.OpGreaterEqual:
		return arg >= value
	}
	return arg&value == two&value
}
