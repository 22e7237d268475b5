package image

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Limits on what is read into memory at once. Registries refuse manifests above 4 MiB (OCI distribution specification,
// "Pushing manifests"); real configs stay under 100 KiB. Overlayfs takes 500 lower layers (OVL_MAX_STACK).
const (
	MaxManifest = 4 << 20 // bytes, of a manifest or an index
	MaxConfig   = 8 << 20 // bytes
	maxLayers   = 500
)

// ErrFormat is wrapped by every error about a manifest, index or config that is not what it should be.
var ErrFormat = errors.New("malformed image")

// document has the fields of every kind of manifest, to see which kind one really is.
type document struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Config        json.RawMessage `json:"config"`
	Layers        json.RawMessage `json:"layers"`
	Manifests     json.RawMessage `json:"manifests"`
	FSLayers      json.RawMessage `json:"fsLayers"`
}

// inspect refuses a document that could be read as two kinds at once (CVE-2021-41190), or that calls itself something
// other than what its descriptor calls it.
func inspect(data []byte, mediaType string) (document, error) {
	var doc document
	if len(data) > MaxManifest {
		return doc, fmt.Errorf("%w: manifest of %d bytes, the limit is %d", ErrFormat, len(data), MaxManifest)
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return doc, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	switch {
	case doc.SchemaVersion == 1 || doc.FSLayers != nil:
		return doc, fmt.Errorf("%w: Docker schema 1, which was abandoned in 2017: ask for the image to be pushed again", ErrFormat)
	case doc.SchemaVersion != 2:
		return doc, fmt.Errorf("%w: schema version %d, expected 2", ErrFormat, doc.SchemaVersion)
	case doc.MediaType != "" && doc.MediaType != mediaType:
		return doc, fmt.Errorf("%w: calls itself %q but is described as %q", ErrFormat, doc.MediaType, mediaType)
	case doc.Manifests != nil && (doc.Layers != nil || doc.Config != nil):
		return doc, fmt.Errorf("%w: both a manifest and an index", ErrFormat)
	}
	return doc, nil
}

// ParseManifest parses the manifest of one image. mediaType is what the descriptor or the registry said it is.
func ParseManifest(data []byte, mediaType string) (v1.Manifest, error) {
	var m v1.Manifest
	if !IsManifest(mediaType) {
		return m, fmt.Errorf("%w: media type %q is not an image manifest", ErrFormat, mediaType)
	}
	if _, err := inspect(data, mediaType); err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if !isConfig(m.Config.MediaType) {
		return m, fmt.Errorf("%w: config of type %q: an artifact, but not a container image", ErrFormat, m.Config.MediaType)
	}
	if m.Config.Size > MaxConfig {
		return m, fmt.Errorf("%w: config of %d bytes, the limit is %d", ErrFormat, m.Config.Size, MaxConfig)
	}
	if len(m.Layers) > maxLayers {
		return m, fmt.Errorf("%w: %d layers, overlayfs takes %d", ErrFormat, len(m.Layers), maxLayers)
	}
	for _, layer := range m.Layers {
		if !isLayer(layer.MediaType) {
			return m, fmt.Errorf("%w: layer %s of type %q", ErrFormat, layer.Digest, layer.MediaType)
		}
	}
	return m, checkDescriptors(append([]v1.Descriptor{m.Config}, m.Layers...))
}

// ParseIndex parses a list of manifests.
func ParseIndex(data []byte, mediaType string) (v1.Index, error) {
	var index v1.Index
	if !IsIndex(mediaType) {
		return index, fmt.Errorf("%w: media type %q is not an image index", ErrFormat, mediaType)
	}
	doc, err := inspect(data, mediaType)
	if err != nil {
		return index, err
	}
	if doc.Layers != nil || doc.Config != nil {
		return index, fmt.Errorf("%w: an image manifest described as an index", ErrFormat)
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return index, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return index, checkDescriptors(index.Manifests)
}

// ParseConfig parses the config of an image and checks it against its manifest: a diff ID for each layer.
func ParseConfig(data []byte, m v1.Manifest) (v1.Image, error) {
	var config v1.Image
	if len(data) > MaxConfig {
		return config, fmt.Errorf("%w: config of %d bytes, the limit is %d", ErrFormat, len(data), MaxConfig)
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return config, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if config.OS != "" && config.OS != "linux" {
		return config, fmt.Errorf("%w: an image for %s, not for linux", ErrFormat, config.OS)
	}
	if len(config.RootFS.DiffIDs) != len(m.Layers) {
		return config, fmt.Errorf("%w: %d layers in the manifest, %d diff IDs in the config", ErrFormat, len(m.Layers), len(config.RootFS.DiffIDs))
	}
	for _, id := range config.RootFS.DiffIDs {
		if err := CheckDigest(id); err != nil {
			return config, err
		}
	}
	return config, nil
}

func checkDescriptors(list []v1.Descriptor) error {
	for _, d := range list {
		if err := CheckDigest(d.Digest); err != nil {
			return err
		}
		if d.Size < 0 {
			return fmt.Errorf("%w: %s has size %d", ErrFormat, d.Digest, d.Size)
		}
	}
	return nil
}

// CheckDigest accepts sha256 and sha512 in full. A digest becomes a file name, so nothing else may pass.
func CheckDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("%w: digest %q: %w", ErrFormat, d, err)
	}
	if a := d.Algorithm(); a != digest.SHA256 && a != digest.SHA512 {
		return fmt.Errorf("%w: digest %q: only sha256 and sha512 are known", ErrFormat, d)
	}
	return nil
}
