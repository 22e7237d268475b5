package image

import (
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is one image of a store, under one of its names. An image with three names is three values that differ in Name.
type Image struct {
	Name    string          // as Docker shows it: "alpine:3", "host:5000/team/app@sha256:…"; empty if the name moved on
	Digest  digest.Digest   // of the manifest
	ID      digest.Digest   // of the config, what Docker calls the image ID
	Config  v1.ImageConfig  // Env, Cmd, Entrypoint, WorkingDir, User, …
	Layers  []digest.Digest // diff IDs (digests of the uncompressed layers), lowest first
	Size    int64           // bytes as stored: manifest, config and compressed layers
	Created *time.Time      // nil if the config doesn't say

	Platform v1.Platform
	Manifest v1.Manifest // with the layers' descriptors, in the order of Layers
}

// Event is a piece of progress on one blob.
type Event struct {
	Digest digest.Digest // of the blob
	Status Status
	Done   int64 // bytes so far
	Total  int64 // bytes in all
}

// Status is what is happening to a blob.
type Status int

// In this order, if at all.
const (
	Waiting     Status = iota // another process is bringing the same blob
	Downloading               // Done of Total bytes are here
	Unpacking                 // all bytes are here, the digest is right, the layer is still being written
	Complete                  // in the store, unpacked if it is a layer
	Present                   // was in the store already: nothing moved
)

// Progress is told what happens. It may be called from several goroutines at once. Nil means nobody listens.
type Progress func(Event)

// Report calls p unless it is nil.
func (p Progress) Report(e Event) {
	if p != nil {
		p(e)
	}
}
