package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// hub is a registry that takes requests without a network. It makes an image when it is first asked for.
type hub struct {
	registry http.Handler
	made     map[string]bool
	harm     func(body []byte) io.Reader // done to the second layer on its way
	second   string                      // its digest
}

func newHub() *hub {
	return &hub{registry: registry.New(registry.Logger(log.New(io.Discard, "", 0))), made: map[string]bool{}}
}

func (h *hub) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != "hub.localhost" {
		return nil, fmt.Errorf("tests have no network: %s", req.URL)
	}
	if repo, _, ok := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/manifests/"); ok && !h.made[repo] {
		if err := h.make(repo); err != nil {
			return nil, fmt.Errorf("making %s: %w", repo, err)
		}
	}
	resp := h.serve(req)
	if h.harm != nil && strings.HasSuffix(req.URL.Path, h.second) {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(h.harm(body))
	}
	return resp, nil
}

func (h *hub) serve(req *http.Request) *http.Response {
	if req.Body == nil {
		req.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	h.registry.ServeHTTP(answer, req)
	resp := answer.Result()
	resp.Request = req
	return resp
}

// direct pushes into the registry.
type direct struct{ *hub }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) { return d.serve(req), nil }

func (h *hub) make(repo string) error {
	h.made[repo] = true
	ref, err := name.ParseReference("hub.localhost/" + repo)
	if err != nil {
		return err
	}
	push := remote.WithTransport(direct{h})
	if repo == "made" { // by another tool, in the script
		index, err := layout.ImageIndexFromPath("layout")
		if err != nil {
			return err
		}
		return remote.WriteIndex(ref, index, push)
	}
	img, err := imageFor(repo)
	if err != nil {
		return err
	}
	if layers, err := img.Layers(); err == nil && len(layers) > 1 {
		digest, err := layers[1].Digest()
		if err != nil {
			return err
		}
		h.second = digest.String()
	}
	switch repo {
	case "flipped":
		h.harm = func(body []byte) io.Reader {
			body[5] ^= 1 // the time in gzip's header, RFC 1952: what comes out is the same, only the digest isn't
			return bytes.NewReader(body)
		}
	case "cut":
		h.harm = func(body []byte) io.Reader { return bytes.NewReader(body[:len(body)/2]) }
	case "stuck":
		h.harm = func(body []byte) io.Reader { return io.MultiReader(bytes.NewReader(body[:len(body)/2]), forever{}) }
	case "box":
		return remote.WriteIndex(ref, platforms(img), push)
	}
	return remote.Write(ref, img, push)
}

// forever is a connection over which nothing comes any more.
type forever struct{}

func (forever) Read([]byte) (int, error) { select {} }

// platforms is an index in which img is for this machine and another image for another.
func platforms(img v1.Image) v1.ImageIndex {
	here := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	there := v1.Platform{OS: "linux", Architecture: "s390x"}
	return mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{Platform: &there}},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &here}})
}

// packed is the toolbox as an archive. A script's first process keeps it for those that come after, so that the layer is the same for all of them.
func packed() ([]byte, error) {
	kept := filepath.Join(os.TempDir(), "packed.tar")
	if b, err := os.ReadFile(kept); err == nil {
		return b, nil
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(os.Getenv("TOOLBOX"))); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(kept+".new", b.Bytes(), 0o644); err != nil {
		return nil, err
	}
	return b.Bytes(), os.Rename(kept+".new", kept)
}

// imageFor is the toolbox and what the repository's name stands for.
func imageFor(repo string) (v1.Image, error) {
	toolbox, err := packed()
	if err != nil {
		return nil, err
	}
	layers := [][]byte{toolbox}
	for _, entries := range uppers[repo] {
		l, err := archive(entries)
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	options := []tarball.LayerOption{tarball.WithMediaType(types.OCILayer)}
	switch repo {
	case "docker":
		img, options = empty.Image, nil
	case "zstd":
		options = []tarball.LayerOption{tarball.WithCompression(compression.ZStd), tarball.WithMediaType(types.OCILayerZStd)}
	}
	for _, data := range layers {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, options...)
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{
		Env: []string{"PATH=/bin", "GREETING=hello"}, Entrypoint: []string{"sh", "-c"}, Cmd: []string{`echo $GREETING from $(pwd)`},
		WorkingDir: "/srv/new", User: users[repo],
	}
	return mutate.ConfigFile(img, config)
}

// users are whom the images run as, where they say so.
var users = map[string]string{"user": "student:staff", "stranger": "nobody-knows"}

func dir(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }

func text(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Linkname: content} // see archive
}

func link(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}

// uppers are the layers on top of the toolbox, by repository.
var uppers = map[string][][]tar.Header{
	"box":     {first, second},
	"docker":  {first, second},
	"zstd":    {first, second},
	"flipped": {first, second},
	"cut":     {first, second},
	"stuck":   {first, second},
	"user":    {{dir("etc/"), text("etc/passwd", "root:x:0:0::/root:/bin/sh\nstudent:x:1234:100::/home/student:/bin/sh\n"), text("etc/group", "staff:x:50:\n")}},

	// Layers made to get out.
	"climb":        {{text("../../../../../../../../../../tmp/escaped", "x")}},
	"through-link": {{link("out", "/tmp"), text("out/escaped", "x")}},
	"through-dots": {{link("out", "../../../../../../../../tmp"), text("out/escaped", "x")}},
	"hard-link":    {{link("out", "/etc"), {Typeflag: tar.TypeLink, Name: "passwd", Linkname: "out/passwd"}}},
	"hard-climb":   {{{Typeflag: tar.TypeLink, Name: "passwd", Linkname: "../../../../../../../../etc/passwd"}}},
	"whiteout-out": {{link("out", "/tmp"), text("out/.wh.escaped", "")}},

	// Odd ones that stay inside.
	"odd": {{
		text("/absolute", "inside\n"), text("twice", "old\n"), text("twice", "new\n"), link("was-link", "/etc/passwd"), text("was-link", "a file\n"),
		{Typeflag: tar.TypeChar, Name: "device", Devmajor: 1, Devminor: 3}, text("gone/.wh..", ""), text("gone/.wh...", ""),
	}},
}

var (
	first = []tar.Header{dir("srv/"), text("srv/kept", "first\n"), text("srv/changed", "first\n"), text("srv/gone", "first\n"),
		dir("srv/replaced/"), text("srv/replaced/old", "first\n"), {Typeflag: tar.TypeReg, Name: "srv/setuid", Mode: 0o4755}}
	second = []tar.Header{dir("srv/"), text("srv/changed", "second\n"), text("srv/.wh.gone", ""),
		dir("srv/replaced/"), text("srv/replaced/.wh..wh..opq", ""), text("srv/replaced/new", "second\n")}
)

// archive is a tar of entries. A regular file's content is in Linkname.
func archive(entries []tar.Header) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, content); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}
