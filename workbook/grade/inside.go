package grade

import (
	"fmt"
	"os"
	"path/filepath"

	"stave/internal/script"
)

// Where things are inside the sandbox. The programs are one file, ours, under several names.
const (
	checkProgram  = "/grade/check"             // process 1: the checker
	pauseProgram  = "/grade/pause"             // process 1 of the world that commands run in
	launchProgram = "/grade/launch"            // takes a command into that world
	programsDir   = "/grade/programs"          // what the world finds first: step, as-root and as-user
	stepProgram   = programsDir + "/step"      // the student's program
	asRootProgram = programsDir + "/as-root"   // see internal/script
	asUserProgram = programsDir + "/as-user"   // likewise
	frontDir      = "/grade/front"             // the same three, as the checker finds them: links to launch
	toolsDir      = "/grade/tools"             // every other program, in the same way
	scriptFile    = "/grade/check.txtar"       // the check
	filesDir      = "/grade/files"             // the files at its end, as they are meant to be
	toolboxDir    = "/toolbox"                 // a root filesystem for checks
	cgroupsDir    = "/sys/fs/cgroup"           // where steps look for cgroups
	workDir       = "/work"                    // what the checker and the world share
	privateDir    = "/tmp"                     // the checker's; the world has another there
	worldFile     = privateDir + "/world.json" // how to get into the world
)

// Main has to be called first of all by a program that grades. Inside the sandbox, where the program runs once more in its
// other roles, it doesn't return.
func Main() {
	name, err := os.Executable()
	if err != nil {
		return // then nothing has put us there
	}
	switch name {
	case checkProgram:
		os.Exit(end("check", runCheck()))
	case pauseProgram:
		pause()
	case launchProgram:
		code, err := launch(os.Args)
		if err != nil {
			os.Exit(end(filepath.Base(os.Args[0]), err))
		}
		os.Exit(code)
	case asRootProgram:
		script.AsRoot()
	case asUserProgram:
		script.AsUser()
	}
}

// end says what went wrong. 126 is the code of a program that could not be run.
func end(name string, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return 126
}
