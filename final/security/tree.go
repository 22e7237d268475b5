package security

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The instructions a filter needs: a word of the kernel's struct seccomp_data is loaded into the accumulator, and compared.
const (
	opLoad   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opAnd    = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opJump   = unix.BPF_JMP | unix.BPF_JA
	opEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opMore   = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	opLeast  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opReturn = unix.BPF_RET | unix.BPF_K
)

// Where things are in struct seccomp_data, on machines whose lower half comes first.
const (
	offsetNumber    = 0
	offsetArch      = 4
	offsetArguments = 16
)

// A program is a filter in the making, written from its end to its beginning: jumps only go forward, so whatever is jumped to is
// there already. A place is the index of an instruction in it.
type program struct {
	code    []unix.SockFilter
	answers map[uint32]int // where each answer was returned last
}

func (p *program) emit(code uint16, k uint32) int {
	p.code = append(p.code, unix.SockFilter{Code: code, K: k})
	return len(p.code) - 1
}

// distance is how many instructions a jump that is written next skips to arrive at a place.
func (p *program) distance(place int) int { return len(p.code) - 1 - place }

// near is where a conditional jump, which skips 255 instructions at most, goes to arrive at a place.
func (p *program) near(place int) int {
	if p.distance(place) < 255 { // the jump to the other place may come between
		return place
	}
	return p.emit(opJump, uint32(p.distance(place)))
}

// branch compares the accumulator.
func (p *program) branch(code uint16, k uint32, yes, no int) int {
	yes, no = p.near(yes), p.near(no)
	in := unix.SockFilter{Code: code, K: k, Jt: uint8(p.distance(yes)), Jf: uint8(p.distance(no))}
	p.code = append(p.code, in)
	return len(p.code) - 1
}

// load loads a word, of which only the masked bits count, and goes on at a place.
func (p *program) load(offset, mask uint32, next int) int {
	if p.distance(next) > 0 {
		p.emit(opJump, uint32(p.distance(next)))
	}
	if mask != ^uint32(0) {
		p.emit(opAnd, mask)
	}
	return p.emit(opLoad, offset)
}

// answer returns from the filter. One instruction serves whoever is near.
func (p *program) answer(a uint32) int {
	place, ok := p.answers[a]
	if !ok || p.distance(place) > 200 {
		place = p.emit(opReturn, a)
		p.answers[a] = place
	}
	return place
}

// search finds the span of the number in the accumulator by halving, and answers.
func (p *program) search(spans []span, narrow bool) int {
	if len(spans) == 1 {
		return p.decide(spans[0].rules, p.answer(spans[0].answer), narrow)
	}
	middle := len(spans) / 2
	high := p.search(spans[middle:], narrow)
	low := p.search(spans[:middle], narrow)
	return p.branch(opLeast, spans[middle].first, high, low)
}

// decide answers as the first rule does that holds, or else goes on at otherwise.
func (p *program) decide(rules []rule, otherwise int, narrow bool) int {
	for n := len(rules); n > 0; {
		alike := n - 1
		for alike > 0 && rules[alike-1].alike(rules[n-1]) {
			alike--
		}
		otherwise = p.oneOf(rules[alike:n], otherwise, narrow)
		n = alike
	}
	return otherwise
}

// alike tells whether two rules both ask whether the same argument is one value of 32 bits, and answer the same. An address
// family or an ioctl is often one of many, and then is loaded once.
func (r rule) alike(other rule) bool {
	if len(r.conditions) != 1 || len(other.conditions) != 1 || r.answer != other.answer {
		return false
	}
	a, b := r.conditions[0], other.conditions[0]
	return a.Op == specs.OpEqualTo && b.Op == specs.OpEqualTo && a.Index == b.Index && a.Value>>32 == 0 && b.Value>>32 == 0
}

// oneOf answers if any of some rules holds, all of which are alike, or there is only one.
func (p *program) oneOf(rules []rule, otherwise int, narrow bool) int {
	yes := p.answer(rules[0].answer)
	conditions := rules[0].conditions
	for i := len(conditions) - 1; i > 0; i-- {
		yes = p.compare(conditions[i], yes, otherwise, narrow)
	}
	if len(rules) == 1 {
		return p.compare(conditions[0], yes, otherwise, narrow)
	}
	next := otherwise
	for _, r := range rules {
		next = p.branch(opEqual, uint32(r.conditions[0].Value), yes, next)
	}
	offset := uint32(offsetArguments + 8*conditions[0].Index)
	next = p.load(offset, ^uint32(0), next)
	if narrow {
		return next
	}
	return p.load(offset+4, ^uint32(0), p.branch(opEqual, 0, next, otherwise))
}

// A comparison of 64 bits is made of two of 32. The upper halves decide unless they are equal; then the lower ones do.
type comparison struct {
	more, less bool   // whether it holds if the upper half is more, or less
	lower      uint16 // how the lower halves are compared
	not        bool   // and whether it must fail
}

// comparing is how an operator compares, and whether there is such an operator.
func comparing(o specs.LinuxSeccompOperator) (comparison, bool) {
	switch o {
	case specs.OpEqualTo, specs.OpMaskedEqual:
		return comparison{lower: opEqual}, true
	case specs.OpNotEqual:
		return comparison{lower: opEqual, not: true, more: true, less: true}, true
	case specs.OpGreaterThan:
		return comparison{lower: opMore, more: true}, true
	case specs.OpGreaterEqual:
		return comparison{lower: opLeast, more: true}, true
	case specs.OpLessThan:
		return comparison{lower: opLeast, not: true, less: true}, true
	case specs.OpLessEqual:
		return comparison{lower: opMore, not: true, less: true}, true
	}
	return comparison{}, false
}

// compare goes on at yes if a condition holds, or else at no. The masked comparison is (argument & value) == valueTwo.
func (p *program) compare(a specs.LinuxSeccompArg, yes, no int, narrow bool) int {
	mask, value := ^uint64(0), a.Value
	if a.Op == specs.OpMaskedEqual {
		mask, value = a.Value, a.ValueTwo&a.Value
	}
	choose := func(b bool) int {
		if b {
			return yes
		}
		return no
	}
	how, _ := comparing(a.Op)
	offset := uint32(offsetArguments + 8*a.Index)
	next := p.branch(how.lower, uint32(value), choose(!how.not), choose(how.not))
	next = p.load(offset, uint32(mask), next)
	if narrow || mask>>32 == 0 {
		return next
	}
	next = p.branch(opEqual, uint32(value>>32), next, choose(how.less))
	if how.more != how.less {
		next = p.branch(opMore, uint32(value>>32), choose(how.more), next)
	}
	return p.load(offset+4, uint32(mask>>32), next)
}

// turned is the program from its beginning to its end.
func (p *program) turned() []unix.SockFilter {
	slices.Reverse(p.code)
	return p.code
}
