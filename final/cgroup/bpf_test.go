package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

// interpret runs a program as the kernel would, on one question.
func interpret(list []instruction, kind, access, major, minor uint32) (uint32, error) {
	given := []uint32{access<<16 | kind, major, minor}
	var reg [11]uint32
	for at := 0; at < len(list); at++ {
		in := list[at]
		to, from := in.Regs&15, reg[in.Regs>>4]
		if in.Code&0x8 == 0 && in.Code&7 != unix.BPF_LDX {
			from = uint32(in.Imm)
		}
		switch in.Code &^ unix.BPF_X {
		case unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W:
			reg[to] = given[in.Offset/4]
		case unix.BPF_ALU | unix.BPF_MOV:
			reg[to] = from
		case unix.BPF_ALU | unix.BPF_AND:
			reg[to] &= from
		case unix.BPF_ALU | unix.BPF_RSH:
			reg[to] >>= from
		case unix.BPF_JMP32 | unix.BPF_JNE:
			if reg[to] != from {
				at += int(in.Offset)
			}
		case unix.BPF_JMP32 | unix.BPF_JEQ:
			if reg[to] == from {
				at += int(in.Offset)
			}
		case unix.BPF_JMP | unix.BPF_EXIT:
			return reg[regAnswer], nil
		default:
			return 0, fmt.Errorf("instruction %d is unknown: %+v", at, in)
		}
	}
	return 0, errors.New("it ran over its end")
}

func TestProgram(t *testing.T) {
	deny := specs.LinuxDeviceCgroup{Access: "rwm"}
	d := func(allow bool, kind string, major, minor int64, access string) specs.LinuxDeviceCgroup {
		r := specs.LinuxDeviceCgroup{Allow: allow, Type: kind, Access: access}
		if major >= 0 {
			r.Major = &major
		}
		if minor >= 0 {
			r.Minor = &minor
		}
		return r
	}
	usualOnes := "c 1:3 rwm, c 5:0 rw, c 5:1 w, c 136:7 rw, c 10:200 rw, c 99:99 m, b 8:0 m"
	for name, tc := range map[string]struct {
		list    []specs.LinuxDeviceCgroup
		yes, no string
	}{
		"no list":          {nil, usualOnes, "c 1:1 r, b 8:0 r, b 1:3 r, c 1:3 x, c 99:99 rm"},
		"deny all":         {[]specs.LinuxDeviceCgroup{deny}, usualOnes, "c 1:1 r, b 8:0 rw"},
		"one":              {[]specs.LinuxDeviceCgroup{deny, d(true, "c", 10, 229, "rw")}, "c 10:229 rw, c 10:229 r, c 10:229 rwm, " + usualOnes, "c 10:228 r, b 10:229 r"},
		"read only":        {[]specs.LinuxDeviceCgroup{deny, d(true, "b", 8, 0, "r")}, "b 8:0 r, b 8:0 rm", "b 8:0 w, b 8:0 rw, b 8:1 r"},
		"in two parts":     {[]specs.LinuxDeviceCgroup{deny, d(true, "b", 8, 0, "r"), d(true, "b", 8, 0, "w")}, "b 8:0 rw", "b 8:1 rw"},
		"one of many not":  {[]specs.LinuxDeviceCgroup{deny, d(true, "b", 8, -1, "rw"), d(false, "b", 8, 3, "w")}, "b 8:2 rw, b 8:3 r", "b 8:3 w, b 8:3 rw"},
		"later wins":       {[]specs.LinuxDeviceCgroup{d(false, "b", 8, 3, "w"), d(true, "b", 8, -1, "rw")}, "b 8:3 rw", "b 9:3 r"},
		"void before all":  {[]specs.LinuxDeviceCgroup{d(true, "b", 8, -1, "rw"), deny}, usualOnes, "b 8:3 r"},
		"all but one":      {[]specs.LinuxDeviceCgroup{d(true, "a", -1, -1, "rwm"), d(false, "b", 8, 0, "rwm")}, "b 8:1 rwm, c 1:1 rwm, b 8:0 m", "b 8:0 r, b 8:0 wm"},
		"of either kind":   {[]specs.LinuxDeviceCgroup{deny, d(true, "", 7, -1, "rw")}, "b 7:0 rw, c 7:5 r", "b 8:0 r"},
		"usual stays":      {[]specs.LinuxDeviceCgroup{deny, d(false, "c", 1, 3, "rwm")}, usualOnes, "c 1:1 r"},
		"large numbers":    {[]specs.LinuxDeviceCgroup{deny, d(true, "c", 1<<32-1, 1<<31, "rw")}, "c 4294967295:2147483648 rw", "c 4294967295:0 rw, c 0:2147483648 r"},
		"denied when free": {[]specs.LinuxDeviceCgroup{d(true, "", -1, -1, ""), d(false, "c", -1, -1, "w")}, "c 9:9 r, b 9:9 w, " + usualOnes, "c 9:9 w, c 9:9 rw"},
	} {
		rules, err := readRules(tc.list)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		list := rules.program()
		for want, questions := range map[uint32]string{1: tc.yes, 0: tc.no} {
			for q := range strings.SplitSeq(questions, ", ") {
				var letter, access string
				var major, minor uint32
				if _, err := fmt.Sscanf(strings.Replace(q, ":", " ", 1), "%s %d %d %s", &letter, &major, &minor, &access); err != nil {
					t.Fatal(err)
				}
				bits, err := readAccess(strings.TrimSuffix(access, "x"))
				kind := uint32(unix.BPF_DEVCG_DEV_CHAR)
				if letter == "b" {
					kind = unix.BPF_DEVCG_DEV_BLOCK
				}
				if access == "x" {
					kind = 7 // no kind there is
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, err := interpret(list, kind, bits, major, minor); got != want || err != nil {
					t.Errorf("%s: asked for %s it says %d, %v", name, q, got, err)
				}
			}
		}
	}
}

// The rules in force, by either version: what is allowed can be opened, and what isn't can't.
func TestDevices(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run(version, func(t *testing.T) {
			l := machine(t)
			// The layout of a machine that has nothing but the one, as far as devices go.
			var only Layout
			for _, h := range l.Hierarchies {
				if h.V2 == (version == "2") && (h.V2 || h.Controllers[0] == "devices") {
					only.Hierarchies = append(only.Hierarchies, h)
				}
			}
			if len(only.Hierarchies) == 0 {
				script.Skip(t, "devices", "this machine has no devices of cgroup version "+version)
			}
			ask := &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
				{Access: "rwm"},
				{Allow: true, Type: "c", Major: to[int64](1), Minor: to[int64](11), Access: "r"}, // kmsg
			}}
			dir := t.TempDir()
			if err := unix.Mknod(dir+"/mem", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 1))); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "out")
			_, proc := run(t, only, Where{}, ask, `
				try() { ( eval "exec $2" ) 2>/dev/null && echo "$1 yes" || echo "$1 no"; }
				{ try null-r "</dev/null"; try null-w ">/dev/null"; try zero "</dev/zero"; try kmsg-r "</dev/kmsg"; try kmsg-w ">/dev/kmsg"; try mem "<`+dir+`/mem"
				mknod `+dir+`/other c 1 4 && echo mknod yes || echo mknod no; } >`+out)
			if code, err := proc.Wait(); code != 0 || err != nil {
				t.Fatalf("the program ended with %d, %v", code, err)
			}
			want := "null-r yes\nnull-w yes\nzero yes\nkmsg-r yes\nkmsg-w no\nmem no\nmknod yes"
			if got := contents(t, out); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The kernel takes the longest program that is likely, and knows its fields.
func TestProgramLoads(t *testing.T) {
	l := machine(t)
	h, ok := l.With(v2)
	if !ok {
		script.Skip(t, "devices", "this machine has no cgroup version 2")
	}
	list := []specs.LinuxDeviceCgroup{{Allow: true}}
	for n := range int64(300) {
		list = append(list, specs.LinuxDeviceCgroup{Allow: n%3 == 0, Type: "b", Major: to(1<<31 + n), Minor: &n, Access: "rw"})
	}
	c, err := New(Layout{Hierarchies: []Hierarchy{h}}, Where{Name: "stave-test-programloads", Privileged: true}, &specs.LinuxResources{Devices: list})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(c.Dirs()); err != nil {
			t.Error(err)
		}
	})
	var p plan.Plan
	c.Create(&p)
	p.Clone(0, "", "", "")
	p.Add(sh("true"))
	start(t, &p)
}
