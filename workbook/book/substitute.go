package book

import (
	"os"
	"os/exec"
	"path/filepath"
)

// builtVariable names a directory of programs that were compiled before, for a machine without the go command. That of
// ./steps/01-uts is steps_01-uts. STAVE_TOOLBOX has a root filesystem there.
const builtVariable = "STAVE_BUILT"

// substitute is a go command that compiles nothing. As go run does, it tells of a failure and makes 1 of every code.
const substitute = `#!/bin/bash
built() {
	program=${1#./} program=$STAVE_BUILT/${program//\//_}
	[ -x "$program" ] || refuse "$1 is not among the programs in $STAVE_BUILT"
}
refuse() {
	echo "go: $1: this machine can't compile" >&2
	exit 1
}
case "$1 $2" in
"build -o")
	built "$4"
	exec cp "$program" "$3"
	;;
"env GOARCH")
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	esac
	exit
	;;
"run ./toolbox")
	exec cp -a "$STAVE_TOOLBOX" "$3"
	;;
"run "*)
	built "$2"
	shift 2
	"$program" "$@" && exit
	echo "exit status $?" >&2
	exit 1
	;;
esac
refuse "go $*"
`

// hasGo reports whether transcripts can use the go command, or its substitute.
func hasGo() bool {
	_, err := exec.LookPath("go")
	return err == nil || os.Getenv(builtVariable) != ""
}

// putSubstitute writes the substitute into a directory below dir, and returns that; empty where it isn't needed.
func putSubstitute(dir string) (string, error) {
	if _, err := exec.LookPath("go"); err == nil {
		return "", nil
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return "", err
	}
	return bin, os.WriteFile(filepath.Join(bin, "go"), []byte(substitute), 0o755)
}
