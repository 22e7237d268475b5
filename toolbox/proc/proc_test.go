package proc

import (
	"os"
	"reflect"
	"testing"
)

const line = "4242 (odd) name) S 1 4200 4100 34816 4200 4194560 523 0 0 0 7 9 0 0 20 -5 3 0 123456 734003200 300 18446744073709551615 1 1 0 0 0\n"

func TestParse(t *testing.T) {
	got, err := parse(line)
	want := Process{
		PID: 4242, PPID: 1, PGID: 4200, SID: 4100, Name: "odd) name", State: 'S', Terminal: 34816, Foreground: 4200,
		Nice: -5, Threads: 3, User: 7, System: 9, Start: 123456, Virtual: 734003200, Resident: 300 * uint64(os.Getpagesize()),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("it is %+v, %v\nand should be %+v", got, err, want)
	}
}

func TestRead(t *testing.T) {
	p, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != os.Getpid() || p.PPID != os.Getppid() || int(p.UID) != os.Geteuid() || p.Command() == "" || p.Resident == 0 {
		t.Errorf("this process is not %+v", p)
	}
}

// FuzzParse: a process's name may contain anything.
func FuzzParse(f *testing.F) {
	f.Add(line)
	f.Add("1 (")
	f.Add("1 () S")
	f.Add("0()\x00 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0")
	f.Fuzz(func(t *testing.T, stat string) {
		if p, err := parse(stat); err == nil && p.State == 0 {
			t.Errorf("%q has no state, and was taken", stat)
		}
	})
}
