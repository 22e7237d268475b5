// Package overlay makes one root filesystem out of an image's read-only layers and a directory for what the container
// writes. See step 05-overlay and Documentation/filesystems/overlayfs.rst of the kernel.
package overlay

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

const step = "05-overlay"

// maxOptions is how long the options of mount(2) may be: a page, with its final NUL.
const maxOptions = 4095

// A Mount is an overlay filesystem to be mounted.
type Mount struct {
	// Lower are the read-only layers, the lowest first, as an image lists them. Absolute paths.
	Lower []string
	// Bottom is one more layer, below those. It may be empty, and needs to have nothing in common with their paths.
	Bottom string
	// Upper takes what is written, Work is the kernel's scratch directory beside it, on the same filesystem.
	Upper, Work string
	// Target is an existing directory.
	Target string
	// User says that the caller is root in a user namespace only: overlayfs then keeps its marks in user.* attributes
	// rather than trusted.*, which an ordinary user can't write.
	User bool
	// Volatile says that what is written is not wanted any more should the machine fail. Else all that any program has written to the filesystem below Upper
	// is forced to the disk when the overlay is unmounted, and a container's end waits for it ("Volatile mount" in the kernel's overlayfs.rst). Such an
	// Upper can't be mounted a second time.
	Volatile bool
}

// Add appends the child's operation. Layers are named relative to the directory they share, so that more of them fit into the page that mount(2)
// takes; fsconfig(2) could take them one by one, but only since Linux 6.5.
func (m Mount) Add(p *plan.Plan) error {
	dir := common(m.Lower)
	options, err := m.options(dir)
	if err != nil {
		return err
	}
	p.Add(plan.Op{Actor: plan.Child, What: "mounting the image's layers on " + m.Target, Step: step,
		Why: "the layers stay as they are, shared by all; what the container writes goes to a directory of its own",
		Calls: []plan.Call{
			{Name: "chdir", Args: []plan.Arg{plan.Str(dir)}},
			{Name: "mount", Args: []plan.Arg{plan.Str("overlay"), plan.Str(m.Target), plan.Str("overlay"), plan.Int(0), plan.Str(options)}},
		}})
	return nil
}

func (m Mount) options(dir string) (string, error) {
	if len(m.Lower) == 0 {
		return "", fmt.Errorf("mounting an overlay: there is no layer")
	}
	lower := make([]string, len(m.Lower))
	for i, l := range m.Lower {
		rel, err := filepath.Rel(dir, l)
		if err != nil {
			return "", fmt.Errorf("mounting an overlay: %w", err)
		}
		lower[len(lower)-1-i] = escape(rel, `\:,`)
	}
	if m.Bottom != "" {
		lower = append(lower, escape(m.Bottom, `\:,`))
	}
	s := "lowerdir=" + strings.Join(lower, ":") + ",upperdir=" + escape(m.Upper, `\,`) + ",workdir=" + escape(m.Work, `\,`)
	if m.User {
		s += ",userxattr"
	}
	if m.Volatile {
		s += ",volatile"
	}
	if len(s) > maxOptions {
		return "", fmt.Errorf("mounting an overlay: the names of %d layers don't fit into the %d bytes mount(2) takes: %w", len(lower), maxOptions, unix.E2BIG)
	}
	return s, nil
}

// escape puts a backslash before the bytes that separate names in the options.
func escape(path, special string) string {
	var b strings.Builder
	for i := range len(path) {
		if strings.IndexByte(special, path[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// common is the directory that all the paths are below.
func common(paths []string) string {
	if len(paths) == 0 {
		return "/"
	}
	dir := filepath.Dir(paths[0])
	for _, p := range paths[1:] {
		for dir != "/" && !strings.HasPrefix(p, dir+"/") {
			dir = filepath.Dir(dir)
		}
	}
	return dir
}
