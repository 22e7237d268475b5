package plan

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// unset marks a result that doesn't exist: not yet, or because its call failed in an allowed way.
const unset = -1 << 63

// An instruction is what the child's loop takes: a call with every argument laid out, or a change of hands.
type instruction struct {
	kind     uint8
	refs     [6]int32 // the slot whose result replaces the argument, or -1
	result   int32    // the slot for what the call returns, or -1
	when     int32    // the slot that must have a result, or -1
	unless   int32    // the slot that must have none, or -1
	op, call int32    // where it stands in the plan
	nr       uintptr
	args     [6]uintptr
	fills    []fill // fields of structures that are results
	allow    []unix.Errno
}

// A fill is a field of a structure that takes a result.
type fill struct {
	slot int32
	at   unsafe.Pointer
	size int
}

const (
	doCall  uint8 = iota
	passOn        // tell the parent it's its turn, with all results
	await         // wait for one's own turn
	refork        // go on as another process
	leave         // go on alone
	replace       // do the call, which closes a descriptor that could be the child's own, or many
)

// names are the results of a plan, each with its slot.
type names map[string]int32

func (n names) has(name string) bool {
	_, ok := n[name]
	return ok
}

// add gives a name a slot, unless it has one.
func (n names) add(name string) {
	if !n.has(name) {
		n[name] = int32(len(n))
	}
}

// A program is a plan laid out in memory.
type program struct {
	plan *Plan
	layout
	child *child
	stack uintptr // the top of the child's
	slots names
	pidfd *int32 // where clone puts it
	fills []fill // of the instruction in the making
}

// compile lays the plan out. Results of inputs are known from the start.
func (g *program) compile(inputs map[string]int) error {
	if err := g.furnish(inputs); err != nil {
		return err
	}
	// Right after clone nobody waits: whoever the next operation names simply goes on.
	cloned, next := false, Parent
	for i, op := range g.plan.Ops {
		if cloned && op.Actor != next {
			kind := passOn
			if op.Actor == Child {
				kind = await
			}
			g.child.code = append(g.child.code, instruction{kind: kind, op: int32(i)})
			next = op.Actor
		}
		if op.Actor == Parent && op.Calls[0].Clones() && i+1 < len(g.plan.Ops) {
			cloned, next = true, g.plan.Ops[i+1].Actor
		}
		if op.Actor == Parent {
			continue // until it is its turn, as it may need results
		}
		for j, c := range op.Calls {
			in, err := g.instruction(c)
			if err != nil {
				return fmt.Errorf("%s: %w", op.What, err)
			}
			in.op, in.call = int32(i), int32(j)
			g.child.code = append(g.child.code, in)
		}
	}
	return nil
}

// furnish makes what the child works with: its stack, and room for its code and for all results.
func (g *program) furnish(inputs map[string]int) error {
	most := 0
	for _, op := range g.plan.Ops {
		most += len(op.Calls) + 1 // the change of hands before it
	}
	// Of the stack the little is enough that the linker grants to functions that can't let it grow. Above its top is the thread's pointer to its goroutine; see split.
	const stack, pointer = 2048, 16
	b, bottom, err := g.room(stack + pointer)
	if err != nil {
		return err
	}
	g.stack = bottom + uintptr(len(b)) - pointer
	if g.child, err = one[child](&g.layout); err != nil {
		return err
	}
	if g.pidfd, err = one[int32](&g.layout); err != nil {
		return err
	}
	if g.child.results, err = carve[int64](&g.layout, len(g.slots)); err != nil {
		return err
	}
	for i := range g.child.results {
		g.child.results[i] = unset
	}
	for name, n := range inputs {
		g.child.results[g.slots[name]] = int64(n)
	}
	g.child.code, err = carve[instruction](&g.layout, most)
	g.child.code = g.child.code[:0]
	return err
}

// instruction lays out one call.
func (g *program) instruction(c Call) (in instruction, err error) {
	in = instruction{kind: doCall, result: -1, when: g.of(c.If), unless: g.of(c.Unless)}
	in.nr, _ = syscallNumber(c.Name)
	if in.allow, err = placed(&g.layout, c.Allow); err != nil {
		return in, err
	}
	switch {
	case c.Name == LetGo:
		in.kind = leave
	case c.Name == "clone":
		in.kind = refork
	case c.Name == "dup3", c.Name == "close_range" && c.Args[2].num&unix.CLOSE_RANGE_CLOEXEC == 0:
		in.kind = replace
	}
	g.fills = g.fills[:0]
	for i := range in.refs {
		in.refs[i] = -1
	}
	if c.Result != "" {
		in.result = g.slots[c.Result]
	}
	for i, a := range c.Args {
		if a.kind == argRef {
			in.refs[i] = g.slots[a.text]
			continue
		}
		word, err := g.word(a)
		if err != nil {
			return in, err
		}
		in.args[i] = word
	}
	in.fills, err = placed(&g.layout, g.fills)
	return in, err
}

// of is the slot of a name, or -1 if there is none to wait for.
func (g *program) of(name string) int32 {
	if name == "" {
		return -1
	}
	return g.slots[name]
}

// structure lays out the fields of one, and notes those that are results.
func (g *program) structure(a Arg) (uintptr, error) {
	b, address, err := g.room(a.size())
	if err != nil {
		return 0, err
	}
	at := 0
	for i, f := range a.more.parts {
		size := a.more.sizes[i]
		if f.kind == argRef {
			g.fills = append(g.fills, fill{slot: g.slots[f.text], at: unsafe.Pointer(&b[at]), size: size})
		} else {
			word, err := g.word(f)
			if err != nil {
				return 0, err
			}
			// Little-endian, as every machine that this is built for: the low bytes come first.
			copy(b[at:at+size], binary.LittleEndian.AppendUint64(nil, uint64(word)))
		}
		at += size
	}
	return address, nil
}

// word is an argument as the kernel takes it: a number, or the address of pinned memory.
func (g *program) word(a Arg) (uintptr, error) {
	switch a.kind {
	case argInt:
		return uintptr(a.num), nil
	case argString:
		return g.cstring(a.text)
	case argBytes:
		return g.bytes(a.more.bytes)
	case argOut:
		return uintptr(unsafe.Pointer(g.pidfd)), nil
	case argStruct:
		return g.structure(a)
	case argList:
		b, address, err := g.room(8 * (len(a.more.list) + 1))
		if err != nil {
			return 0, err
		}
		for i, s := range a.more.list {
			word, err := g.cstring(s)
			if err != nil {
				return 0, err
			}
			binary.NativeEndian.PutUint64(b[8*i:], uint64(word))
		}
		return address, nil
	case argConcat:
		s, err := g.join(a)
		if err != nil {
			return 0, err
		}
		return g.cstring(s)
	default:
		return 0, fmt.Errorf("plan: argument %s has no value of its own", a)
	}
}

// join makes the string of a Concat from results known by now.
func (g *program) join(a Arg) (string, error) {
	var b strings.Builder
	for _, part := range a.more.parts {
		if part.kind != argRef {
			b.WriteString(part.text)
			continue
		}
		n := g.child.results[g.slots[part.text]]
		if n == unset {
			return "", fmt.Errorf("plan: %s has no value", part.text)
		}
		fmt.Fprint(&b, n)
	}
	return b.String(), nil
}

// resultBytes is the memory of the results, to be sent and received whole.
func (g *program) resultBytes() []byte {
	if len(g.child.results) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&g.child.results[0])), len(g.child.results)*8)
}

// Words is the memory of a structure made of 64-bit fields in the machine's byte order: open_how, mount_attr.
func Words(fields ...uint64) []byte {
	b := make([]byte, 0, 8*len(fields))
	for _, f := range fields {
		b = binary.NativeEndian.AppendUint64(b, f)
	}
	return b
}

// HalfWords is the same for 32-bit fields: a list of group ids, the capability sets.
func HalfWords(fields ...uint32) []byte {
	b := make([]byte, 0, 4*len(fields))
	for _, f := range fields {
		b = binary.NativeEndian.AppendUint32(b, f)
	}
	return b
}
