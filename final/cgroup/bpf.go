package cgroup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// An instruction of BPF, struct bpf_insn: the operation, the registers it is about, how far to jump, a constant. See
// Documentation/bpf/standardization/instruction-set.rst of the kernel.
type instruction struct {
	Code   uint8
	Regs   uint8 // the destination in the low half, the source in the high
	Offset int16
	Imm    int32
}

// The registers of the program. The first holds what it is given and, in the end, its answer.
const (
	regAnswer = iota
	regContext
	regKind
	regAccess // what is asked for and not yet decided: bits of BPF_DEVCG_ACC_*
	regMajor
	regMinor
	regScratch
)

// program asks the rules from the last to the first, each about the part of an access that no later one has decided, and ends with the
// default. It answers 1 for yes and 0 for no. What it is given is struct bpf_cgroup_dev_ctx: the kind of device in the low half of a
// word and the access in the high, then the numbers.
func (d *devices) program() []instruction {
	load := func(to uint8, at int16) instruction {
		return instruction{Code: unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W, Regs: to | regContext<<4, Offset: at}
	}
	constant := func(code, reg uint8, n int64) instruction {
		return instruction{Code: code | unix.BPF_K, Regs: reg, Imm: int32(uint32(n))}
	}
	list := []instruction{
		load(regKind, 0), constant(unix.BPF_ALU|unix.BPF_AND, regKind, 0xffff),
		load(regAccess, 0), constant(unix.BPF_ALU|unix.BPF_RSH, regAccess, 16),
		load(regMajor, 4), load(regMinor, 8),
	}
	say := func(yes bool) []instruction {
		n := int64(0)
		if yes {
			n = 1
		}
		return []instruction{constant(unix.BPF_ALU|unix.BPF_MOV, regAnswer, n), {Code: unix.BPF_JMP | unix.BPF_EXIT}}
	}
	for _, r := range slices.Backward(d.rules) {
		var block []instruction
		// Numbers are compared as 32 bits (JMP32, Linux 5.1): the constant of a wider comparison has a sign.
		unless := func(test, reg uint8, n int64) { block = append(block, constant(unix.BPF_JMP32|test, reg, n)) }
		wanted := int64(unix.BPF_DEVCG_DEV_CHAR)
		if r.kind == 'b' {
			wanted = unix.BPF_DEVCG_DEV_BLOCK
		}
		unless(unix.BPF_JNE, regKind, wanted)
		if r.major >= 0 {
			unless(unix.BPF_JNE, regMajor, r.major)
		}
		if r.minor >= 0 {
			unless(unix.BPF_JNE, regMinor, r.minor)
		}
		switch {
		case r.access == rwm: // it decides whatever is asked
		case r.allow:
			block = append(block, constant(unix.BPF_ALU|unix.BPF_AND, regAccess, int64(^r.access)))
			unless(unix.BPF_JNE, regAccess, 0)
		default:
			block = append(block, instruction{Code: unix.BPF_ALU | unix.BPF_MOV | unix.BPF_X, Regs: regScratch | regAccess<<4},
				constant(unix.BPF_ALU|unix.BPF_AND, regScratch, int64(r.access)))
			unless(unix.BPF_JEQ, regScratch, 0)
		}
		block = append(block, say(r.allow)...)
		for i := range block {
			if block[i].Code&7 == unix.BPF_JMP32 {
				block[i].Offset = int16(len(block) - i - 1) // to the next rule
			}
		}
		list = append(list, block...)
	}
	return append(list, say(d.allow)...)
}

// attach appends the operation that has the kernel ask the program whenever a process of the cgroup opens or makes a device.
func (d *devices) attach(p *plan.Plan, dir string) {
	list := d.program()
	var code bytes.Buffer
	_ = binary.Write(&code, binary.NativeEndian, list) // a Buffer takes all
	group, program := p.Name("cgroup"), p.Name("program")
	number := func(n int) plan.Field { return plan.U32(plan.Int(n)) }
	text := fmt.Sprintf("{BPF_PROG_TYPE_CGROUP_DEVICE, %d instructions}", len(list))
	loaded := plan.Struct(text,
		number(unix.BPF_PROG_TYPE_CGROUP_DEVICE), number(len(list)),
		plan.U64(plan.Bytes(text, code.Bytes())), plan.U64(plan.Str("Apache-2.0")),
		number(0), number(0), plan.U64(plan.Int(0)), number(0), number(0))
	attached := plan.Struct("{"+group+", "+program+", BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI}",
		plan.U32(plan.Ref(group)), plan.U32(plan.Ref(program)), number(unix.BPF_CGROUP_DEVICE), number(unix.BPF_F_ALLOW_MULTI))
	load := plan.Call{Name: "bpf", Args: []plan.Arg{plan.Sym("BPF_PROG_LOAD", unix.BPF_PROG_LOAD), loaded, loaded.Size()}, Result: program}
	again := load
	load.Allow = []unix.Errno{unix.EAGAIN} // a signal came while the kernel checked the program
	again.Unless = program
	p.Add(plan.Op{Actor: plan.Parent, What: "attaching a program that decides about devices to " + dir, Step: step, Why: whyDevices,
		Calls: []plan.Call{
			{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Str(dir), plan.Sym("O_RDONLY|O_DIRECTORY|O_CLOEXEC", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)}, Result: group},
			load, again,
			{Name: "bpf", Args: []plan.Arg{plan.Sym("BPF_PROG_ATTACH", unix.BPF_PROG_ATTACH), attached, attached.Size()}},
			{Name: "close", Args: []plan.Arg{plan.Ref(program)}},
			{Name: "close", Args: []plan.Arg{plan.Ref(group)}},
		}})
}
