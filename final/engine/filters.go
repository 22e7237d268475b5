package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
	"stave/final/security"
)

// compileCached is [security.Compile], and keeps what it made in the directory dir, which only we may write to: the same profile is compiled
// once. A file there is named after what the filter was compiled from, and ends with the digest of the rest of it; one that is
// damaged is made anew. A filter that can't be kept is no error.
func compileCached(dir string, s *specs.LinuxSeccomp) (*security.Filter, error) {
	if s == nil {
		return nil, nil
	}
	from := sha256.Sum256(content(s))
	name := filepath.Join(dir, hex.EncodeToString(from[:]))
	if b, err := plan.ReadFile(name); err == nil {
		if f := checked(b); f != nil {
			return f, nil
		}
	}
	f, err := security.Compile(s)
	if kept := f.Save(); kept != nil {
		sum := sha256.Sum256(kept)
		keep(name, append(kept, sum[:]...))
	}
	return f, err
}

// checked is the filter in a file, or nil if it isn't whole.
func checked(b []byte) *security.Filter {
	end := len(b) - sha256.Size
	if end < 0 {
		return nil
	}
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return nil
	}
	return security.Saved(b[:end])
}

// keep writes a file, whole or not at all. Two that write the same one at once write the same.
func keep(name string, b []byte) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return
	}
	_, err = tmp.Write(b)
	if closed := tmp.Close(); err != nil || closed != nil || os.Rename(tmp.Name(), name) != nil {
		_ = os.Remove(tmp.Name())
	}
}

// content is all that a filter depends on, as text in which nothing can be taken for something else. Package json takes longer for
// it than compiling does.
func content(s *specs.LinuxSeccomp) []byte {
	b := make([]byte, 0, 12<<10)
	number := func(n uint64) { b = append(strconv.AppendUint(b, n, 10), ' ') }
	word := func(text string) {
		number(uint64(len(text)))
		b = append(b, text...)
	}
	optional := func(n *uint) {
		if n == nil {
			word("none")
			return
		}
		number(uint64(*n))
	}
	word(runtime.GOARCH)
	word(string(s.DefaultAction))
	optional(s.DefaultErrnoRet)
	number(uint64(len(s.Architectures)))
	for _, a := range s.Architectures {
		word(string(a))
	}
	if s.Flags == nil { // which is another thing than an empty list
		word("default")
	}
	number(uint64(len(s.Flags)))
	for _, f := range s.Flags {
		word(string(f))
	}
	word(s.ListenerPath)
	word(s.ListenerMetadata)
	for _, call := range s.Syscalls {
		number(uint64(len(call.Names)))
		for _, name := range call.Names {
			word(name)
		}
		word(string(call.Action))
		optional(call.ErrnoRet)
		number(uint64(len(call.Args)))
		for _, a := range call.Args {
			number(uint64(a.Index))
			number(a.Value)
			number(a.ValueTwo)
			word(string(a.Op))
		}
	}
	return b
}
