package host

import (
	"fmt"
	"os"
	"strings"
)

// Mount is a line of a mountinfo file; see proc_pid_mountinfo(5).
type Mount struct {
	Root   string // which part of the file system is mounted
	Point  string // where
	Type   string // file system type
	Source string
	line   string // everything
}

func (m Mount) String() string {
	return fmt.Sprintf("mount of %s (%s) on %s", m.Type, m.Source, m.Point)
}

// ownMounts reads the calling thread's, which may have a mount namespace of its own.
func ownMounts() ([]Mount, error) { return readMounts("/proc/thread-self/mountinfo") }

func readMounts(file string) ([]Mount, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseMounts(string(data)), nil
}

func parseMounts(text string) []Mount {
	var mounts []Mount
	for line := range strings.Lines(text) {
		line = unescape(strings.TrimSuffix(line, "\n"))
		// Optional fields end with a lone hyphen.
		head, tail, ok := strings.Cut(line, " - ")
		fields, kind := strings.Split(head, " "), strings.Split(tail, " ")
		if !ok || len(fields) < 6 || len(kind) < 2 {
			continue
		}
		mounts = append(mounts, Mount{Root: fields[3], Point: fields[4], Type: kind[0], Source: kind[1], line: line})
	}
	return mounts
}

// unescape undoes what proc_pid_mountinfo(5) does to a backslash. Blanks stay escaped: fields are told apart by them.
func unescape(line string) string { return strings.ReplaceAll(line, `\134`, `\`) }

// mentions reports whether the mount is on, of, or made of (as an overlay's layers are) something below dir.
func (m Mount) mentions(dir string) bool { return mentions(m.line, dir) }

// mentions reports whether text has dir in it as a whole path or as the start of one, and not as the start of a longer
// name: /tmp/script-run is not mentioned by /tmp/script-run-twice.
func mentions(text, dir string) bool {
	for {
		i := strings.Index(text, dir)
		if i < 0 {
			return false
		}
		text = text[i+len(dir):]
		if text == "" || !isNamePart(text[0]) {
			return true
		}
	}
}

func isNamePart(c byte) bool {
	return c == '-' || c == '_' || c == '.' || c == '#' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
