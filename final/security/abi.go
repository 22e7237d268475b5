package security

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// An abi is one way of making system calls on a machine: which numbers they have and how wide their arguments are.
type abi struct {
	arch   specs.Arch
	column int
	token  uint32 // seccomp_data.arch, an AUDIT_ARCH_* of linux/audit.h
	bit    uint32 // set in every number
	narrow bool   // arguments have 32 bits
	last   uint64 // numbers from here up are the machine's own, not an order of age
}

// x32Bit tells a call of x32 from one of x86-64, whose token it shares. Arguments of both come in the same 64-bit registers.
const x32Bit = 1 << 30

// machine are the ways of a GOARCH; the first is its own. It is nil for one that isn't known.
func machine(goarch string) []abi {
	switch goarch {
	case "amd64":
		return []abi{
			{arch: specs.ArchX86_64, column: columnAMD64, token: unix.AUDIT_ARCH_X86_64, last: x32Bit},
			{arch: specs.ArchX32, column: columnX32, token: unix.AUDIT_ARCH_X86_64, bit: x32Bit, last: 1 << 32},
			{arch: specs.ArchX86, column: column386, token: unix.AUDIT_ARCH_I386, narrow: true, last: 1 << 32},
		}
	case "arm64":
		return []abi{
			{arch: specs.ArchAARCH64, column: columnARM64, token: unix.AUDIT_ARCH_AARCH64, last: 1 << 32},
			{arch: specs.ArchARM, column: columnARM, token: unix.AUDIT_ARCH_ARM, narrow: true, last: 0xf0000}, // __ARM_NR_BASE
		}
	}
	return nil
}

// choose picks the machine's ways that a configuration lists. The first is always among them, as libseccomp has it. What another kind of machine
// would run can't run here, so it needs no rules; a name that is no architecture at all is an error.
func choose(goarch string, listed []specs.Arch) ([]abi, error) {
	ways := machine(goarch)
	if ways == nil {
		return nil, fmt.Errorf("linux.seccomp: not supported on %s", goarch)
	}
	for _, a := range listed {
		if _, ok := strings.CutPrefix(string(a), "SCMP_ARCH_"); !ok {
			return nil, fmt.Errorf("linux.seccomp.architectures: there is no %q", a)
		}
	}
	chosen := ways[:1:1]
	for _, w := range ways[1:] {
		if slices.Contains(listed, w.arch) {
			chosen = append(chosen, w)
		}
	}
	return chosen, nil
}

// A door is one of two system calls of the 386 that stand for many: the first argument tells which, and the arguments proper lie in memory,
// where a filter can't look. See socketcall(2) and ipc(2).
type door struct {
	numbers numbers
	mask    uint64 // the part of the first argument that tells
	call    uint64
}

// conditions tell the call from the others behind its door.
func (d *door) conditions() []specs.LinuxSeccompArg {
	return []specs.LinuxSeccompArg{{Index: 0, Op: specs.OpMaskedEqual, Value: d.mask, ValueTwo: d.call}}
}

// findDoors are the calls that can be made through one, each with its own. In the lists they stand in the order of their numbers, from 1.
func findDoors(known map[string]numbers) map[string]*door {
	m := make(map[string]*door, 64)
	for i, name := range [...]string{
		"socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
		"sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
	} {
		m[name] = &door{known["socketcall"], 1<<32 - 1, uint64(i + 1)}
	}
	for i, name := range [...]string{
		"semop", "semget", "semctl", "semtimedop", "", "", "", "", "", "",
		"msgsnd", "msgrcv", "msgget", "msgctl", "", "", "", "", "", "", "shmat", "shmdt", "shmget", "shmctl",
	} {
		m[name] = &door{known["ipc"], 0xffff, uint64(i + 1)} // the other half is a version
	}
	return m
}
