package registry

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
)

// Files is a registry that only hands out. What is asked for as /v2/NAME/blobs/DIGEST or /v2/NAME/manifests/TAG is the
// file of that name in root; each request is a line in log. A manifest comes with the media type that it gives itself
// and with its digest, see "Pulling manifests" in the OCI distribution specification.
func Files(root *os.Root, log io.Writer) http.Handler {
	files := http.FileServerFS(root.FS())
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintln(log, req.Method, req.URL.Path)
		if strings.Contains(req.URL.Path, "/manifests/") {
			text, _ := root.ReadFile(strings.TrimPrefix(path.Clean(req.URL.Path), "/")) // if it isn't there, files says so
			var manifest struct{ MediaType string }
			if json.Unmarshal(text, &manifest) == nil {
				w.Header().Set("Content-Type", manifest.MediaType)
				w.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256(text)))
			}
		}
		files.ServeHTTP(w, req)
	})
}

// StartFiles serves the directory dir as Files does, on the loopback interface, until stop is called.
func StartFiles(dir string, log io.Writer) (address string, stop func(), err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		root.Close()
		return "", nil, err
	}
	end := start(listener, Files(root, log))
	return listener.Addr().String(), func() { end(); root.Close() }, nil
}

// start serves until stop is called.
func start(listener net.Listener, handler http.Handler) (stop func()) {
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		server.Serve(listener) // until it is closed
		close(done)
	}()
	return func() {
		server.Close()
		<-done
	}
}
