package guest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The archive is compared with one taken apart by hand, along buffer-format.rst.
func TestCpio(t *testing.T) {
	var b bytes.Buffer
	c := cpioWriter{w: &b}
	c.directory("dev")
	c.program("init", []byte("#!/bin/sh"))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	header := func(inode, mode, size, name int) string {
		s := "070701"
		for _, n := range []int{inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0} {
			s += fmt.Sprintf("%08X", n)
		}
		return s
	}
	want := header(1, 0o040755, 0, 4) + "dev\x00\x00\x00" +
		header(2, 0o100755, 9, 5) + "init\x00\x00" + "#!/bin/sh\x00\x00\x00" +
		header(3, 0, 0, 11) + "TRAILER!!!\x00\x00\x00\x00"
	if b.String() != want {
		t.Errorf("the archive is\n%q\nwant\n%q", b.String(), want)
	}
}

func TestCpioReportsErrors(t *testing.T) {
	full := errors.New("disk full")
	c := cpioWriter{w: failing{full}}
	c.directory("dev")
	if err := c.close(); err != full {
		t.Errorf("the error is %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestLoadOrder(t *testing.T) {
	dir := t.TempDir()
	for name, depends := range map[string]string{"bridge": "stp,llc", "stp": "llc", "llc": "", "virtio-rng": ""} {
		if err := os.WriteFile(filepath.Join(dir, name+".ko"), module(depends), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := loadOrder(dir, []string{"virtio_rng", "bridge", "llc"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if want := []string{"virtio-rng.ko", "llc.ko", "stp.ko", "bridge.ko"}; !slices.Equal(files, want) {
		t.Errorf("the order is %v, want %v", files, want)
	}
	if _, err := loadOrder(dir, []string{"moon"}); err == nil {
		t.Error("a module that isn't there is not missed")
	}
}

// module is the smallest ELF file, elf(5), with a section .modinfo.
func module(depends string) []byte {
	info := "license=GPL\x00depends=" + depends + "\x00"
	const names = "\x00.modinfo\x00.shstrtab\x00"
	const headerSize, sectionSize = 64, 64
	data := headerSize + 3*sectionSize
	file := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put := func(values ...any) {
		var b bytes.Buffer
		for _, v := range values {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
		file = append(file, b.Bytes()...)
	}
	put(uint16(1), uint16(62), uint32(1), uint64(0), uint64(0), uint64(headerSize), uint32(0),
		uint16(headerSize), uint16(0), uint16(0), uint16(sectionSize), uint16(3), uint16(2))
	section := func(name, kind uint32, offset, size int) {
		put(name, kind, uint64(0), uint64(0), uint64(offset), uint64(size), uint32(0), uint32(0), uint64(1), uint64(0))
	}
	section(0, 0, 0, 0)
	section(1, 1, data, len(info))
	section(10, 3, data+len(info), len(names))
	return append(append(file, info...), names...)
}
