package user

import (
	"errors"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const passwd = "root:x:0:0:root:/root:/bin/sh\n# a comment\nbroken\nstudent:x:1000:100:A Student:/home/student:/bin/sh\n123:x:7:8::/odd:/bin/sh\n"
const group_ = "root:x:0:\nusers:x:100:\nwheel:x:10:root,student\naudio:x:29:student\n"

func TestResolve(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want specs.User
		home string
		err  error
	}{
		{"", specs.User{Username: "root", AdditionalGids: []uint32{10}}, "/root", nil},
		{"root", specs.User{Username: "root", AdditionalGids: []uint32{10}}, "/root", nil},
		{"student", specs.User{Username: "student", UID: 1000, GID: 100, AdditionalGids: []uint32{10, 29}}, "/home/student", nil},
		{"1000", specs.User{Username: "student", UID: 1000, GID: 100, AdditionalGids: []uint32{10, 29}}, "/home/student", nil},
		{"student:audio", specs.User{Username: "student", UID: 1000, GID: 29}, "/home/student", nil},
		{"student:5", specs.User{Username: "student", UID: 1000, GID: 5}, "/home/student", nil},
		{"42", specs.User{Username: "42", UID: 42}, "/", nil},
		{"42:43", specs.User{Username: "42", UID: 42, GID: 43}, "/", nil},
		{"123", specs.User{Username: "123", UID: 7, GID: 8}, "/odd", nil}, // a name that looks like a number is a name
		{":10", specs.User{Username: "root", GID: 10}, "/root", nil},
		{"nobodyhere", specs.User{}, "", ErrUnknown},
		{"student:nogroup", specs.User{Username: "student", UID: 1000}, "/home/student", ErrUnknown},
		{"1000abc", specs.User{}, "", ErrUnknown},
		{"+5", specs.User{}, "", ErrUnknown},
		{"-1", specs.User{}, "", ErrUnknown},
		{"4294967295", specs.User{}, "", ErrUnknown},
		{"4294967296", specs.User{}, "", ErrUnknown},
		{"1:", specs.User{Username: "1", UID: 1}, "/", ErrUnknown},
		{"1:2:3", specs.User{Username: "1", UID: 1}, "/", ErrUnknown},
	} {
		got, home, err := Resolve(tc.in, []byte(passwd), []byte(group_))
		if !reflect.DeepEqual(got, tc.want) || home != tc.home || !errors.Is(err, tc.err) {
			t.Errorf("Resolve(%q) = %+v, %q, %v; want %+v, %q, %v", tc.in, got, home, err, tc.want, tc.home, tc.err)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("student:users", []byte(passwd), []byte(group_))
	f.Add("1:2", []byte("a:b:c:d:e:f:g"), []byte(":::\n"))
	f.Fuzz(func(t *testing.T, s string, passwd, group []byte) {
		u, _, err := Resolve(s, passwd, group)
		if err == nil && (u.UID == 1<<32-1 || u.GID == 1<<32-1) {
			t.Errorf("Resolve(%q) gave the id that means none: %+v", s, u)
		}
	})
}
