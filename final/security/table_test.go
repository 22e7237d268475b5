package security

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"stave/internal/script"
)

// unlisted are calls that golang.org/x/sys/unix lacks: arm's own, from arch/arm/include/uapi/asm/unistd.h.
var unlisted = map[string]bool{"breakpoint": true, "cacheflush": true, "usr26": true, "usr32": true, "set_tls": true, "get_tls": true}

// invented are constants of golang.org/x/sys/unix that are no calls.
var invented = map[string]bool{"arch_specific_syscall": true, "syscall_mask": true}

// The table says what golang.org/x/sys/unix says, on four machines, call by call.
func TestTable(t *testing.T) {
	script.Need(t, "source")
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil || len(out) < 2 {
		t.Fatalf("the source of golang.org/x/sys isn't at hand: %v", err)
	}
	table := readTable()
	if want := strings.Count(tableText, "\n") - 1; len(table) != want {
		t.Errorf("the table has %d names in %d lines", len(table), want)
	}
	constant := regexp.MustCompile(`^\s+SYS_(\w+)\s+=\s+(\d+)`)
	for machine, column := range map[string]int{"amd64": columnAMD64, "386": column386, "arm64": columnARM64, "arm": columnARM} {
		f, err := os.Open(filepath.Join(strings.TrimSpace(string(out)), "unix", "zsysnum_linux_"+machine+".go"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		known := map[string]bool{}
		for s := bufio.NewScanner(f); s.Scan(); {
			m := constant.FindStringSubmatch(s.Text())
			if m == nil || invented[strings.ToLower(m[1])] {
				continue
			}
			name := strings.ToLower(m[1])
			known[name] = true
			n, ok := table[name]
			if want, _ := strconv.Atoi(m[2]); !ok || int(n[column]) != want {
				t.Errorf("%s on %s: %d in the table, %d in golang.org/x/sys/unix", name, machine, n[column], want)
			}
		}
		for name, n := range table {
			if n[column] != absent && !known[name] && !unlisted[name] {
				t.Errorf("%s on %s: %d in the table, nothing in golang.org/x/sys/unix", name, machine, n[column])
			}
		}
	}
}

// Where x32 has a call of its own, its number is above 511; the others it shares with amd64 (arch/x86/entry/syscalls/syscall_64.tbl).
func TestTableOfX32(t *testing.T) {
	for name, n := range readTable() {
		if own := n[columnX32] >= 512; n[columnX32] != absent && !own && n[columnX32] != n[columnAMD64] {
			t.Errorf("%s: %d on x32, %d on amd64", name, n[columnX32], n[columnAMD64])
		}
	}
}
