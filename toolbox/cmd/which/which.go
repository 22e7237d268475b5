// Package which shows which file a command's name stands for.
//
// Synopsis:
//
//	which [-a] NAME…
//
// Options:
//
//	-a  all there are in PATH, not only the first
package which

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("which [-a] NAME…")
	all := line.BoolP("all", "a", false, "all there are in PATH, not only the first")
	if status, ok := line.Read(args); !ok {
		return status
	}
	status := cmdline.Success
	for _, name := range line.Args() {
		found := find(name)
		if len(found) == 0 {
			status = cmdline.Failure
			continue
		}
		if !*all {
			found = found[:1]
		}
		fmt.Println(strings.Join(found, "\n"))
	}
	return status
}

func find(name string) []string {
	if strings.Contains(name, "/") {
		if executable(name) {
			return []string{name}
		}
		return nil
	}
	var found []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if path := filepath.Join(dir, name); executable(path) {
			found = append(found, path)
		}
	}
	return found
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil
}
