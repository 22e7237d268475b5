package image

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Reference is the name of an image, completed as Docker completes it: the default registry, "library/", ":latest".
type Reference struct{ name.Reference }

// ParseReference parses "alpine", "alpine:3", "team/app", "host:5000/app@sha256:…".
func ParseReference(s string) (Reference, error) {
	ref, err := name.ParseReference(s)
	if err != nil {
		return Reference{}, fmt.Errorf("parsing image name %q: %w", s, err)
	}
	return Reference{ref}, nil
}

// Familiar is the shortest form that means the same, always with a tag or digest: "alpine:latest". It is the form
// kept in a store, so that however a name is typed, it is found.
func (r Reference) Familiar() string {
	short, ok := strings.CutPrefix(r.Name(), name.DefaultRegistry+"/")
	if !ok {
		return r.Name()
	}
	for _, familiar := range []string{strings.TrimPrefix(short, "library/"), short} {
		// "my.team/app" of the default registry would be taken for a host: then only the long form will do.
		if again, err := name.ParseReference(familiar); err == nil && again.Name() == r.Name() {
			return familiar
		}
	}
	return r.Name()
}
