// Package tar packs files into an archive and unpacks them.
//
// Synopsis:
//
//	tar c|x|t [zvmOpf ARCHIVE] [-C DIRECTORY] [FILE…]
//
// The letters may have a dash. Without f the archive is standard input or output, as with f -.
//
// Options:
//
//	-c            make an archive
//	-x            unpack one
//	-t            list one
//	-C DIRECTORY  go there first
//	-f ARCHIVE    the archive's name
//	-m            with -x: the files get the time of now
//	-O            with -x: to standard output
//	-p            accepted: modes are kept anyway
//	-v            say which files
//	-z            compressed with gzip; when reading that is noticed anyway
//
// Unpacking never writes outside the directory, whatever the archive says.
package tar

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"

	"stave/toolbox/cmdline"
)

type archiver struct {
	line                              *cmdline.Line
	verbose, numeric, toOutput, touch bool

	dir    string
	wanted []string
	status int
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	a := &archiver{line: cmdline.New("tar c|x|t [zvmOpf ARCHIVE] [-C DIRECTORY] [FILE…]")}
	create := a.line.BoolP("create", "c", false, "make an archive")
	extract := a.line.BoolP("extract", "x", false, "unpack one")
	list := a.line.BoolP("list", "t", false, "list one")
	a.line.StringVarP(&a.dir, "directory", "C", ".", "go to this `DIRECTORY` first")
	name := a.line.StringP("file", "f", "-", "the `ARCHIVE`'s name")
	a.line.BoolVar(&a.numeric, "numeric-owner", false, "owners by number")
	a.line.BoolVarP(&a.toOutput, "to-stdout", "O", false, "with -x: to standard output")
	a.line.BoolVarP(&a.touch, "touch", "m", false, "with -x: the files get the time of now")
	a.line.BoolP("preserve-permissions", "p", false, "accepted: modes are kept anyway")
	a.line.BoolVarP(&a.verbose, "verbose", "v", false, "say which files")
	zip := a.line.BoolP("gzip", "z", false, "compressed with gzip")
	if status, ok := a.line.Read(bundled(args)); !ok {
		return status
	}
	a.wanted = a.line.Args()
	var err error
	switch {
	case *create && !*extract && !*list:
		err = a.create(*name, *zip)
	case *extract && !*create && !*list:
		err = a.read(*name, a.extract)
	case *list && !*create && !*extract:
		err = a.read(*name, a.list)
	default:
		return a.line.Misuse("one of c, x and t is needed")
	}
	if err != nil {
		return a.line.Fail(err)
	}
	return a.status
}

// bundled puts a dash before the letters of `tar czf x.tgz dir`, and f last among them, as its value follows.
func bundled(args []string) []string {
	if len(args) < 2 || strings.HasPrefix(args[1], "--") {
		return args
	}
	letters := strings.TrimPrefix(args[1], "-")
	if letters == "" || strings.Trim(letters, "cxtzvmOpf") != "" {
		return args
	}
	if strings.Contains(letters, "f") {
		letters = strings.ReplaceAll(letters, "f", "") + "f"
	}
	return append([]string{args[0], "-" + letters}, args[2:]...)
}

// read opens an archive, compressed or not, and hands it on.
func (a *archiver) read(name string, do func(io.Reader) error) error {
	file := os.Stdin
	if name != "-" {
		var err error
		if file, err = os.Open(name); err != nil {
			return err
		}
		defer file.Close()
	}
	in := bufio.NewReader(file)
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b { // RFC 1952, 2.3.1
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		return do(unzipped)
	}
	return do(in)
}

func (a *archiver) create(name string, zip bool) error {
	if len(a.wanted) == 0 {
		return errors.New("an archive of what? name the files")
	}
	file := os.Stdout
	if name != "-" {
		var err error
		if file, err = os.Create(name); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(file)
	var target io.WriteCloser = nopCloser{out}
	if zip {
		target = gzip.NewWriter(out)
	}
	return errors.Join(a.pack(target), target.Close(), out.Flush(), file.Close())
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// chosen reports whether a member is among those named, or below one. Without names all are.
func (a *archiver) chosen(name string) bool {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	for _, wanted := range a.wanted {
		wanted = strings.TrimSuffix(strings.TrimPrefix(wanted, "./"), "/")
		if name == wanted || strings.HasPrefix(name, wanted+"/") {
			return true
		}
	}
	return len(a.wanted) == 0
}
