// Command stave runs containers. See "stave --help".
package main

import (
	"os"

	"stave/final/cli"
)

func main() { os.Exit(cli.Main()) }
