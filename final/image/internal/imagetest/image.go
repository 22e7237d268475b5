// Package imagetest makes images for tests, by hand so that any part of them can be wrong, and serves them as a registry.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

// Image is an image in memory: its blobs by digest, and which one is the manifest.
type Image struct {
	Blobs    map[digest.Digest][]byte
	Top      v1.Descriptor
	Config   v1.Image
	Manifest v1.Manifest
}

// Layer is a tar archive of files, names with their content. A name that ends in "/" is a directory.
func Layer(files map[string]string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(files[name]))}
		if name[len(name)-1] == '/' {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		io.WriteString(w, files[name])
	}
	w.Close()
	return b.Bytes()
}

// Gzip compresses a layer.
func Gzip(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// Zstd compresses a layer.
func Zstd(data []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(data, nil)
}

// New makes an image of uncompressed layers, each compressed by compress if it is not nil, with the media types of OCI, or
// of Docker if docker is true.
func New(t testing.TB, docker bool, compress func([]byte) []byte, layers ...[]byte) *Image {
	t.Helper()
	img := &Image{Blobs: map[digest.Digest][]byte{}}
	img.Config = v1.Image{Platform: image.Here(), Config: v1.ImageConfig{
		Env: []string{"PATH=/bin", "NAME=value"}, Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c", "true"}, WorkingDir: "/work", User: "1000:1000",
	}}
	types := [3]string{v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, v1.MediaTypeImageLayerGzip}
	if docker {
		types = [3]string{image.DockerManifest, "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"}
	}
	img.Manifest = v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: types[0], Layers: []v1.Descriptor{}}
	img.Config.RootFS = v1.RootFS{Type: "layers"}
	for _, l := range layers {
		img.Config.RootFS.DiffIDs = append(img.Config.RootFS.DiffIDs, digest.FromBytes(l))
		if compress != nil {
			l = compress(l)
		}
		img.Manifest.Layers = append(img.Manifest.Layers, img.Add(types[2], l))
	}
	img.Manifest.Config = img.AddJSON(types[1], img.Config)
	img.Top = img.AddJSON(types[0], img.Manifest)
	return img
}

// Add adds a blob and describes it.
func (img *Image) Add(mediaType string, data []byte) v1.Descriptor {
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	img.Blobs[d.Digest] = data
	return d
}

// AddJSON adds a document.
func (img *Image) AddJSON(mediaType string, value any) v1.Descriptor {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return img.Add(mediaType, data)
}

// Remake makes the config and the manifest anew after a change of Config or Manifest.
func (img *Image) Remake() {
	img.Manifest.Config = img.AddJSON(img.Manifest.Config.MediaType, img.Config)
	img.Top = img.AddJSON(img.Manifest.MediaType, img.Manifest)
}

// Index makes an index of several images' manifests, one a platform, the new top of the first.
func Index(mediaType string, platforms []string, images ...*Image) *Image {
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType}
	all := &Image{Blobs: map[digest.Digest][]byte{}}
	for i, img := range images {
		d := img.Top
		if p, err := image.ParsePlatform(platforms[i]); err == nil {
			d.Platform = &p
		}
		index.Manifests = append(index.Manifests, d)
		maps.Copy(all.Blobs, img.Blobs)
	}
	all.Top = all.AddJSON(mediaType, index)
	return all
}

// Layout is an OCI image layout in a tar, the image under a name if name is not empty.
func (img *Image) Layout(name string) []byte {
	top := img.Top
	if name != "" {
		top.Annotations = map[string]string{v1.AnnotationRefName: name}
	}
	index, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{top}})
	if err != nil {
		panic(err)
	}
	files := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": string(index)}
	for d, data := range img.Blobs {
		files["blobs/"+d.Algorithm().String()+"/"+d.Encoded()] = string(data)
	}
	return Layer(files)
}
