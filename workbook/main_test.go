package main

import (
	"fmt"
	"os"
	"testing"

	"stave/internal/script"
	"stave/workbook/exercise/fake"
	"stave/workbook/grade"
)

func TestMain(m *testing.M) {
	grade.Main() // this binary is put into sandboxes, too
	script.Main(m, map[string]func(){
		"workbook": main,
		// A repository in the working directory.
		"fake": func() {
			if err := fake.Write("."); err != nil {
				fmt.Fprintln(os.Stderr, "fake:", err)
				os.Exit(1)
			}
		},
	})
}

func TestScripts(t *testing.T) { script.Run(t, "testdata") }
