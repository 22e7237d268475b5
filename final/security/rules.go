package security

import (
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// action is a filter's answer without its data; see seccomp(2), SECCOMP_RET_*.
func action(a specs.LinuxSeccompAction) (uint32, bool) {
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return unix.SECCOMP_RET_KILL_THREAD, true
	case specs.ActKillProcess:
		return unix.SECCOMP_RET_KILL_PROCESS, true
	case specs.ActTrap:
		return unix.SECCOMP_RET_TRAP, true
	case specs.ActErrno:
		return unix.SECCOMP_RET_ERRNO, true
	case specs.ActNotify:
		return unix.SECCOMP_RET_USER_NOTIF, true
	case specs.ActTrace:
		return unix.SECCOMP_RET_TRACE, true
	case specs.ActLog:
		return unix.SECCOMP_RET_LOG, true
	case specs.ActAllow:
		return unix.SECCOMP_RET_ALLOW, true
	}
	return 0, false
}

const errNoSys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)

// answer is an action with its errno, which is EPERM unless given.
func answer(field string, a specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	n, ok := action(a)
	if !ok {
		return 0, fmt.Errorf("%s: there is no %q", field, a)
	}
	takes := a == specs.ActErrno || a == specs.ActTrace
	switch {
	case errno != nil && !takes:
		return 0, fmt.Errorf("%s: %s takes no errnoRet", field, a)
	case errno != nil && *errno > unix.SECCOMP_RET_DATA:
		return 0, fmt.Errorf("%s: errnoRet %d is more than %d", field, *errno, unix.SECCOMP_RET_DATA)
	case errno != nil:
		n |= uint32(*errno)
	case takes:
		n |= uint32(unix.EPERM)
	}
	return n, nil
}

// A rule is an answer for a call whose arguments meet every condition.
type rule struct {
	conditions []specs.LinuxSeccompArg
	answer     uint32
}

// A span is the numbers from its first up to the next span's, and what is done for them: the first rule that holds, or else the answer.
type span struct {
	first  uint32
	rules  []rule
	answer uint32
}

// A profile is a configuration read.
type profile struct {
	otherwise uint32 // the default answer
	unknown   uint32 // for calls younger than the configuration
	calls     []call
	listener  bool
}

// A call is a rule for a system call, with its number on each machine and the door that leads there on the 386.
type call struct {
	numbers numbers
	door    *door
	rule
}

// read checks a configuration and spreads it out to a rule a name.
func read(s *specs.LinuxSeccomp) (*profile, error) {
	otherwise, err := answer("linux.seccomp.defaultAction", s.DefaultAction, s.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	p := &profile{otherwise: otherwise, unknown: otherwise, calls: make([]call, 0, 512)}
	known := readTable()
	doors := findDoors(known)
	switch s.DefaultAction {
	case specs.ActNotify:
		return nil, fmt.Errorf("linux.seccomp.defaultAction: %s would wait for a listener that nothing could be sent to any more", s.DefaultAction)
	case specs.ActAllow, specs.ActLog, specs.ActTrace:
	default:
		// A C library tries a new call and falls back on the old one if there is none, but not if it is forbidden.
		p.unknown = errNoSys
	}
	for i, c := range s.Syscalls {
		if err := p.add(c, s.ListenerPath, known, doors); err != nil {
			return nil, fmt.Errorf("linux.seccomp.syscalls[%d]%w", i, err)
		}
	}
	return p, nil
}

// add adds one entry of linux.seccomp.syscalls. An error begins with a field of it.
func (p *profile) add(c specs.LinuxSyscall, listener string, known map[string]numbers, doors map[string]*door) error {
	a, err := answer(".action", c.Action, c.ErrnoRet)
	if err != nil {
		return err
	}
	if len(c.Names) == 0 {
		return fmt.Errorf(".names is empty")
	}
	if err := checkConditions(c.Args); err != nil {
		return err
	}
	if c.Action == specs.ActNotify {
		p.listener = true
		if listener == "" {
			return fmt.Errorf(".action: %s needs linux.seccomp.listenerPath", c.Action)
		}
		if slices.Contains(c.Names, reporting) {
			return fmt.Errorf(": %s can't be used for %s, by which the listener is made known", c.Action, reporting)
		}
	}
	for _, conditions := range alternatives(c.Args) {
		for _, name := range c.Names {
			if n, ok := known[name]; ok {
				p.calls = append(p.calls, call{n, doors[name], rule{conditions, a}})
			}
		}
	}
	return nil
}

// reporting is the call by which the child tells its parent that the filter, and so the listener, is there (package plan).
const reporting = "write"

func checkConditions(list []specs.LinuxSeccompArg) error {
	for i, c := range list {
		if c.Index > 5 {
			return fmt.Errorf(".args[%d].index: a system call has no argument %d", i, c.Index)
		}
		if _, ok := comparing(c.Op); !ok {
			return fmt.Errorf(".args[%d].op: there is no %q", i, c.Op)
		}
	}
	return nil
}

// alternatives are the conditions as every runtime reads them: all must hold, but if two are about the same argument, then any one
// suffices (https://github.com/opencontainers/runc/issues/2735).
func alternatives(list []specs.LinuxSeccompArg) [][]specs.LinuxSeccompArg {
	seen := [6]bool{}
	for _, c := range list {
		if seen[c.Index] {
			var each [][]specs.LinuxSeccompArg
			for i := range list {
				each = append(each, list[i:i+1])
			}
			return each
		}
		seen[c.Index] = true
	}
	return [][]specs.LinuxSeccompArg{list}
}

// spans are the rules of one way of calling, for all numbers from way.bit up to end.
func (p *profile) spans(way abi, end uint64) []span {
	calls, youngest := p.resolve(way)
	unknown := p.otherwise
	if youngest > 0 {
		unknown = p.unknown
	}
	var list []span
	next := uint64(way.bit)
	add := func(s span) {
		if n := len(list); n == 0 || list[n-1].rules != nil || s.rules != nil || list[n-1].answer != s.answer {
			list = append(list, s)
		}
	}
	gap := func(until uint64) { // what lies between two calls with rules
		if edge := uint64(way.bit|youngest) + 1; next < until && next < edge {
			add(span{first: uint32(next), answer: p.otherwise})
			next = min(until, edge)
		}
		if edge := way.last; next < until && next < edge {
			add(span{first: uint32(next), answer: unknown})
			next = min(until, edge)
		}
		if next < until {
			add(span{first: uint32(next), answer: p.otherwise})
			next = until
		}
	}
	for _, s := range calls {
		gap(uint64(s.first))
		add(s)
		next = uint64(s.first) + 1
	}
	gap(end)
	return list
}

// resolve gives each call of a configuration its number, and finds the highest. A rule without conditions goes before all with;
// of two alike, the first counts. A rule that says what the default says is none. So it is with libseccomp, and with runc and
// crun, which use it.
func (p *profile) resolve(way abi) ([]span, uint32) {
	var youngest uint32
	order := make([]uint64, 0, len(p.calls)) // a number and, below it, which rule: sorted, rules for the same number keep their order
	put := func(n numbers, which int) {
		if n[way.column] == absent {
			return
		}
		number := uint32(n[way.column])
		if uint64(number) < way.last {
			youngest = max(youngest, number)
		}
		if p.calls[which/2].answer != p.otherwise {
			order = append(order, uint64(number|way.bit)<<32|uint64(which))
		}
	}
	for i := range p.calls {
		c := &p.calls[i]
		put(c.numbers, 2*i)
		if way.column == column386 && p.throughDoor(c) {
			put(c.door.numbers, 2*i+1)
		}
	}
	slices.Sort(order)
	list := make([]span, 0, len(order))
	for _, o := range order {
		number, c := uint32(o>>32), &p.calls[uint32(o)/2]
		r := c.rule
		if o&1 != 0 {
			r.conditions = c.door.conditions()
		}
		if n := len(list); n == 0 || list[n-1].first != number {
			list = append(list, span{first: number, answer: p.otherwise})
		} else if list[n-1].rules == nil {
			continue // there is one without conditions
		}
		s := &list[len(list)-1]
		if len(r.conditions) == 0 {
			s.rules, s.answer = nil, r.answer
		} else {
			s.rules = append(s.rules, r)
		}
	}
	return list, youngest
}

// throughDoor tells whether a rule holds for the same call made through socketcall or ipc as well. Conditions on arguments
// can't be tested there: whichever is stricter, the rule or the default, then holds. The stricter answer is the smaller number,
// as for the kernel when filters disagree.
func (p *profile) throughDoor(c *call) bool {
	return c.door != nil && (len(c.rule.conditions) == 0 || int32(c.answer) < int32(p.otherwise))
}
