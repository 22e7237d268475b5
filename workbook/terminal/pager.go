package terminal

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/term"
)

// Page shows text: in $PAGER, or less, if out is a terminal; otherwise it is written as it is.
func Page(out *os.File, text string) error {
	pager, set := os.LookupEnv("PAGER")
	if !set {
		pager = "less -R"
	}
	if pager == "" || pager == "cat" || !term.IsTerminal(int(out.Fd())) {
		return write(out, text)
	}
	if _, err := exec.LookPath(strings.Fields(pager)[0]); err != nil {
		return write(out, text)
	}
	cmd := exec.Command("sh", "-c", pager) // it may have arguments, quoted as for a shell
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), out, os.Stderr
	if _, set := os.LookupEnv("LESS"); !set {
		cmd.Env = append(os.Environ(), "LESS=R") // or a bare "less" would show escape sequences in words
	}
	err := cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil // how a pager ends is its own affair
	}
	return err
}

func write(out io.Writer, text string) error {
	_, err := io.WriteString(out, text)
	return err
}
