package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"stave/internal/script"
)

// TestLanguage runs the scripts of testdata/language.ar by the toolbox's shell, and by bash to see that they mean that.
func TestLanguage(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/language.ar")
	if err != nil {
		t.Fatal(err)
	}
	bin := links(t)
	for i := 0; i+1 < len(archive.Files); i += 2 {
		source, output := archive.Files[i], archive.Files[i+1]
		if output.Name != source.Name+": output" {
			t.Fatalf("%s is not followed by its output", source.Name)
		}
		t.Run(source.Name, func(t *testing.T) {
			t.Parallel()
			check := func(cmd *exec.Cmd) {
				t.Helper()
				cmd.Dir = t.TempDir()
				cmd.Env = append(cmd.Env, "TMPDIR="+cmd.Dir, "HOME=/")
				got, err := cmd.Output()
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					got = append(got, "status "+strings.TrimPrefix(exit.Error(), "exit status ")+"\n"...)
				} else if err != nil {
					t.Fatal(err)
				}
				if string(got) != string(output.Data) {
					t.Errorf("%s printed\n%s\nand not\n%s", cmd.Path, got, output.Data)
				}
			}
			check(command(bin, "sh", "-c", string(source.Data)))
			t.Run("bash", func(t *testing.T) {
				script.Need(t, "exec:bash")
				cmd := exec.Command("bash", "-c", string(source.Data))
				cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
				check(cmd)
			})
		})
	}
}
