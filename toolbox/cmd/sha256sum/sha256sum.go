// Package sha256sum shows the SHA-256 digests of files, by which images name their layers.
//
// Synopsis:
//
//	sha256sum [-c] [FILE…]
//
// Options:
//
//	-c  the files hold digests that it wrote: check them
package sha256sum

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("sha256sum [-c] [FILE…]")
	check := line.BoolP("check", "c", false, "the files hold digests that it wrote: check them")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if *check {
		return line.Files(line.Args(), verify)
	}
	return line.Files(line.Args(), func(name string, file *os.File) error {
		sum, err := digest(file)
		if err == nil {
			fmt.Printf("%s  %s\n", sum, name)
		}
		return err
	})
}

func digest(file io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// verify checks every file in a list of digests before it complains.
func verify(_ string, list *os.File) error {
	failed := 0
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		wanted, name, ok := strings.Cut(lines.Text(), " ")
		if !ok || len(wanted) != 2*sha256.Size || len(name) < 2 {
			return fmt.Errorf("%q is not a digest and a name", lines.Text())
		}
		name = name[1:] // a blank, or a star for binary
		sum := ""
		file, err := os.Open(name)
		if err == nil {
			sum, err = digest(file)
			file.Close()
		}
		switch {
		case err != nil:
			fmt.Printf("%s: %v\n", name, err)
			failed++
		case !strings.EqualFold(sum, wanted):
			fmt.Printf("%s: FAILED\n", name)
			failed++
		default:
			fmt.Printf("%s: OK\n", name)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d files are not what they should be", failed)
	}
	return lines.Err()
}
