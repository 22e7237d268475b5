// Images may use the registry's client and nothing else.
package main

import (
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/term" // want "not allowed from list 'steps-images'"
)

func main() {
	_, _ = name.ParseReference("toolbox")
	_ = term.IsTerminal(0)
	io.ReadAll(os.Stdin) // want "size:"
}
