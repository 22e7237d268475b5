package imagetest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Registry serves images on a loopback address, over plain http, as far as pulling goes.
type Registry struct {
	Host string // 127.0.0.1:port

	mu       sync.Mutex
	before   func(w http.ResponseWriter, r *http.Request) bool
	blobs    map[digest.Digest][]byte
	tops     map[string]v1.Descriptor // by "repository:tag"
	requests []string
}

// NewRegistry serves until the test ends.
func NewRegistry(t testing.TB) *Registry {
	r := &Registry{blobs: map[digest.Digest][]byte{}, tops: map[string]v1.Descriptor{}}
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r.Host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// Push puts an image there as "repository:tag" and returns the whole name.
func (r *Registry) Push(name string, img *Image) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for d, data := range img.Blobs {
		r.blobs[d] = data
	}
	r.tops[name] = img.Top
	return r.Host + "/" + name
}

// Requests are the requests for blobs so far, "GET sha256:…" each.
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.requests...)
}

// Before makes f see each request first; it answers a request itself if it returns true. Nil takes it away.
func (r *Registry) Before(f func(w http.ResponseWriter, r *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = f
}

func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	before := r.before
	r.mu.Unlock()
	if before != nil && before(w, req) {
		return
	}
	rest := strings.TrimPrefix(req.URL.Path, "/v2/")
	if rest == "" {
		return // the handshake: no credentials wanted
	}
	if repo, id, ok := strings.Cut(rest, "/manifests/"); ok {
		r.manifest(w, req, repo, id)
		return
	}
	_, id, _ := strings.Cut(rest, "/blobs/")
	r.mu.Lock()
	data, ok := r.blobs[digest.Digest(id)]
	r.requests = append(r.requests, req.Method+" "+id)
	r.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(data))
}

func (r *Registry) manifest(w http.ResponseWriter, req *http.Request, repo, id string) {
	r.mu.Lock()
	top, ok := r.tops[repo+":"+id]
	if strings.Contains(id, ":") {
		top, ok = r.byDigest(digest.Digest(id))
	}
	data := r.blobs[top.Digest]
	r.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", top.MediaType)
	w.Write(data)
}

// byDigest guesses the media type of a manifest that is asked for by digest, from what it says itself.
func (r *Registry) byDigest(d digest.Digest) (v1.Descriptor, bool) {
	data, ok := r.blobs[d]
	_, after, _ := strings.Cut(string(data), `"mediaType":"`)
	mediaType, _, _ := strings.Cut(after, `"`)
	return v1.Descriptor{MediaType: mediaType, Digest: d}, ok
}
