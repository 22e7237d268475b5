// Package free shows how much memory there is. In a container that is the host's: /proc/meminfo knows no cgroups.
//
// Synopsis:
//
//	free [-b | -k | -m | -g | -h]
//
// Options:
//
//	-b  bytes
//	-g  GiB
//	-h  in units that suit
//	-k  KiB, as without options
//	-m  MiB
package free

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"stave/toolbox/cmdline"
	"stave/toolbox/size"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("free [-b | -k | -m | -g | -h]")
	bytes := line.BoolP("bytes", "b", false, "bytes")
	line.BoolP("kibi", "k", false, "KiB, as without options")
	mebi := line.BoolP("mebi", "m", false, "MiB")
	gibi := line.BoolP("gibi", "g", false, "GiB")
	human := line.BoolP("human", "h", false, "in units that suit")
	if status, ok := line.Read(args); !ok {
		return status
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return line.Fail(err)
	}
	unit := uint64(1 << 10)
	switch {
	case *bytes:
		unit = 1
	case *mebi:
		unit = 1 << 20
	case *gibi:
		unit = 1 << 30
	}
	show := func(bytes uint64) string {
		if *human {
			return size.Human(bytes)
		}
		return strconv.FormatUint(bytes/unit, 10)
	}
	m := parse(string(meminfo))
	cache := m["Buffers"] + m["Cached"] + m["SReclaimable"]
	row := func(title string, values ...uint64) {
		fmt.Printf("%-8s", title)
		for _, v := range values {
			fmt.Printf(" %11s", show(v))
		}
		fmt.Println()
	}
	fmt.Printf("%-8s %11s %11s %11s %11s %11s %11s\n", "", "total", "used", "free", "shared", "buff/cache", "available")
	row("Mem:", m["MemTotal"], m["MemTotal"]-m["MemAvailable"], m["MemFree"], m["Shmem"], cache, m["MemAvailable"])
	row("Swap:", m["SwapTotal"], m["SwapTotal"]-m["SwapFree"], m["SwapFree"])
	return cmdline.Success
}

// parse reads the lines "Name:   123 kB" of /proc/meminfo into bytes; see proc_meminfo(5).
func parse(meminfo string) map[string]uint64 {
	values := map[string]uint64{}
	for text := range strings.Lines(meminfo) {
		name, rest, _ := strings.Cut(text, ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
			values[name] = n * 1024
		}
	}
	return values
}
