// Package env shows the environment, or changes it for one command.
//
// Synopsis:
//
//	env [-i] [-u NAME] [NAME=VALUE…] [COMMAND [ARG…]]
//	printenv [NAME…]
//
// Options:
//
//	-i       start with an empty environment
//	-u NAME  without this variable
package env

import (
	"fmt"
	"os"
	"strings"

	"stave/toolbox/cmdline"
	"stave/toolbox/launch"
)

// Main runs the command env and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("env [-i] [-u NAME] [NAME=VALUE…] [COMMAND [ARG…]]").OperandsFirst()
	empty := line.BoolP("ignore-environment", "i", false, "start with an empty environment")
	without := line.StringArrayP("unset", "u", nil, "without the variable `NAME`")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if *empty {
		os.Clearenv()
	}
	for _, name := range *without {
		if err := os.Unsetenv(name); err != nil {
			return line.Failf("%s: %w", name, err)
		}
	}
	operands := line.Args()
	for len(operands) > 0 {
		name, value, assignment := strings.Cut(operands[0], "=")
		if !assignment {
			return launch.Exec(line, operands)
		}
		if err := os.Setenv(name, value); err != nil {
			return line.Failf("%s: %w", name, err)
		}
		operands = operands[1:]
	}
	for _, variable := range os.Environ() {
		fmt.Println(variable)
	}
	return cmdline.Success
}

// Print runs the command printenv and returns its exit status.
func Print(args []string) int {
	line := cmdline.New("printenv [NAME…]")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		for _, variable := range os.Environ() {
			fmt.Println(variable)
		}
	}
	status := cmdline.Success
	for _, name := range line.Args() {
		if value, ok := os.LookupEnv(name); ok {
			fmt.Println(value)
		} else {
			status = cmdline.Failure
		}
	}
	return status
}
