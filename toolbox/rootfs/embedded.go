//go:build embed_toolbox

package rootfs

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"runtime"
)

// embedded is the toolbox's binary, compressed. There is no such file in the source: Release lays it over.
//
//go:embed toolbox.gz
var embedded []byte

// putBinary unpacks the embedded binary.
func putBinary(_ context.Context, path string, opts Options) error {
	if opts.arch() != runtime.GOARCH {
		return fmt.Errorf("this program has the toolbox for %s inside, not for %s", runtime.GOARCH, opts.arch())
	}
	in, err := gzip.NewReader(bytes.NewReader(embedded))
	if err != nil {
		return fmt.Errorf("unpacking the embedded toolbox: %w", err)
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return fmt.Errorf("unpacking the embedded toolbox: %w", err)
	}
	return out.Close()
}

// key is set by Release, to what Version said of the source.
var key string

// Version returns a key that changes whenever Build would make something else.
func Version() (string, error) { return key, nil }
