package image

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Here is the platform of this machine.
func Here() v1.Platform { return v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }

// ParsePlatform parses "linux/arm64", "linux/arm/v7" or just "arm64".
func ParsePlatform(s string) (v1.Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) == 1 {
		parts = []string{"linux", s}
	}
	if len(parts) > 3 || slices.Contains(parts, "") {
		return v1.Platform{}, fmt.Errorf("parsing platform %q: expected something like linux/arm64", s)
	}
	p := v1.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// Choose picks the manifest for a platform: the same variant first, then the first of the same architecture. Entries
// that describe no platform (attestations, signatures) are passed over, unless there is only one entry at all.
func Choose(index v1.Index, want v1.Platform) (v1.Descriptor, error) {
	var found *v1.Descriptor
	var offered []string
	for i, d := range index.Manifests {
		if !IsManifest(d.MediaType) && !IsIndex(d.MediaType) {
			continue
		}
		if d.Platform == nil {
			if len(index.Manifests) == 1 {
				return d, nil
			}
			continue
		}
		offered = append(offered, FormatPlatform(*d.Platform))
		if d.Platform.OS != want.OS || d.Platform.Architecture != want.Architecture {
			continue
		}
		if d.Platform.Variant == want.Variant {
			return d, nil
		}
		if found == nil {
			found = &index.Manifests[i]
		}
	}
	if found == nil {
		return v1.Descriptor{}, fmt.Errorf("no image for %s: there is %s", FormatPlatform(want), strings.Join(offered, ", "))
	}
	return *found, nil
}

// FormatPlatform is the inverse of ParsePlatform.
func FormatPlatform(p v1.Platform) string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}
