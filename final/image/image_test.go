package image_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

func TestReference(t *testing.T) {
	hash := strings.Repeat("a", 64)
	tests := []struct{ in, familiar, repository, identifier string }{
		{"alpine", "alpine:latest", "library/alpine", "latest"},
		{"alpine:3", "alpine:3", "library/alpine", "3"},
		{"library/alpine", "alpine:latest", "library/alpine", "latest"},
		{"team/app:v1", "team/app:v1", "team/app", "v1"},
		{"library/a/b", "library/a/b:latest", "library/a/b", "latest"},
		{"localhost:5000/app", "localhost:5000/app:latest", "app", "latest"},
		{"registry.example/team/app:v1", "registry.example/team/app:v1", "team/app", "v1"},
		{"alpine@sha256:" + hash, "alpine@sha256:" + hash, "library/alpine", "sha256:" + hash},
		{"host:5000/name:v1@sha256:" + hash, "host:5000/name@sha256:" + hash, "name", "sha256:" + hash},
	}
	for _, test := range tests {
		ref, err := image.ParseReference(test.in)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		got := [3]string{ref.Familiar(), ref.Context().RepositoryStr(), ref.Identifier()}
		if want := [3]string{test.familiar, test.repository, test.identifier}; got != want {
			t.Errorf("%s: got %q, want %q", test.in, got, want)
		}
	}
	for _, bad := range []string{"", "UPPER", "a b", "alpine:", "alpine@sha256:abc", "https://registry.example/a", "a@b@c", strings.Repeat("a", 300)} {
		if ref, err := image.ParseReference(bad); err == nil {
			t.Errorf("%q was accepted as %s", bad, ref.Familiar())
		}
	}
}

const (
	configType = "application/vnd.oci.image.config.v1+json"
	layerType  = "application/vnd.oci.image.layer.v1.tar+gzip"
)

var someDigest = "sha256:" + strings.Repeat("0", 64)

func descriptor(mediaType string, size int) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, someDigest, size)
}

func manifest(extra string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%s]%s}`, descriptor(configType, 10), descriptor(layerType, 10), extra)
}

// Each document is offered both as a manifest and as an index. No document may pass as both.
func TestManifestOrIndex(t *testing.T) {
	oci, ociIndex := v1.MediaTypeImageManifest, v1.MediaTypeImageIndex
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[%s]}`, descriptor(oci, 10))
	tests := []struct {
		name, data, mediaType string
		manifest, index       bool
	}{
		{"OCI manifest", manifest(""), oci, true, false},
		{"Docker manifest", manifest(`,"mediaType":"` + image.DockerManifest + `"`), image.DockerManifest, true, false},
		{"OCI index", index, ociIndex, false, true},
		{"Docker list", index, image.DockerManifestList, false, true},
		{"empty index", `{"schemaVersion":2,"manifests":[]}`, ociIndex, false, true},
		{"a manifest called an index", manifest(""), ociIndex, false, false},
		{"an index called a manifest", index, oci, false, false},
		{"both", manifest(`,"manifests":[]`), oci, false, false},
		{"both, called an index", manifest(`,"manifests":[]`), ociIndex, false, false},
		{"both, in other letters", manifest(`,"Manifests":[]`), oci, false, false},
		{"calls itself an index", manifest(`,"mediaType":"` + ociIndex + `"`), oci, false, false},
		{"calls itself Docker's", manifest(`,"mediaType":"` + image.DockerManifest + `"`), oci, false, false},
		{"schema 1", `{"schemaVersion":1,"fsLayers":[]}`, oci, false, false},
		{"schema 1 in disguise", manifest(`,"fsLayers":[]`), oci, false, false},
		{"no schema version", strings.Replace(manifest(""), "2", "0", 1), oci, false, false},
		{"no media type", manifest(""), "", false, false},
		{"text", "hello", oci, false, false},
		{"null", "null", oci, false, false},
		{"something after it", manifest("") + "x", oci, false, false},
		{"too long", manifest(`,"x":"` + strings.Repeat("x", image.MaxManifest) + `"`), oci, false, false},
		{"an artifact", strings.Replace(manifest(""), configType, "application/vnd.oci.empty.v1+json", 1), oci, false, false},
		{"a layer that is none", strings.Replace(manifest(""), layerType, "text/html", 1), oci, false, false},
		{"too many layers", strings.Replace(manifest(""), `"layers":[`, `"layers":[`+strings.Repeat(descriptor(layerType, 1)+",", 500), 1), oci, false, false},
		{"a negative size", strings.Replace(manifest(""), `"size":10`, `"size":-10`, 1), oci, false, false},
		{"a huge config", strings.Replace(manifest(""), `"size":10`, `"size":10000000`, 1), oci, false, false},
		{"a digest that is a path", strings.Replace(manifest(""), someDigest, "sha256:../../../../etc/passwd", 1), oci, false, false},
		{"a digest that is a path, in an index", strings.Replace(index, someDigest, "../x:y", 1), ociIndex, false, false},
		{"a short digest", strings.Replace(manifest(""), someDigest, "sha256:00", 1), oci, false, false},
		{"an unknown algorithm", strings.Replace(manifest(""), someDigest, "md5:"+strings.Repeat("0", 32), 1), oci, false, false},
		{"sha384", strings.Replace(manifest(""), someDigest, "sha384:"+strings.Repeat("0", 96), 1), oci, false, false},
		{"sha512", strings.Replace(manifest(""), someDigest, "sha512:"+strings.Repeat("0", 128), 1), oci, true, false},
	}
	for _, test := range tests {
		_, err := image.ParseManifest([]byte(test.data), test.mediaType)
		check(t, test.name+" as a manifest", err, test.manifest)
		_, err = image.ParseIndex([]byte(test.data), test.mediaType)
		check(t, test.name+" as an index", err, test.index)
	}
}

func check(t *testing.T, what string, err error, ok bool) {
	t.Helper()
	if ok && err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if !ok && !errors.Is(err, image.ErrFormat) {
		t.Errorf("%s: got %v, want ErrFormat", what, err)
	}
}

func TestConfig(t *testing.T) {
	m, err := image.ParseManifest([]byte(manifest("")), v1.MediaTypeImageManifest)
	if err != nil {
		t.Fatal(err)
	}
	one := fmt.Sprintf(`"rootfs":{"type":"layers","diff_ids":[%q]}`, someDigest)
	tests := map[string]bool{
		`{"os":"linux","architecture":"amd64","config":{"Cmd":["sh"]},` + one + `}`: true,
		`{` + one + `}`:                       true,
		`{"os":"windows",` + one + `}`:        false,
		`{}`:                                  false,
		`{"rootfs":{"diff_ids":["x"]}}`:       false,
		`{"rootfs":{"diff_ids":[]}}`:          false,
		`[]`:                                  false,
		`{"config":{"Cmd":"sh"},` + one + `}`: false,
		`{"x":"` + strings.Repeat("x", image.MaxConfig) + `",` + one + `}`: false,
	}
	for data, ok := range tests {
		_, err := image.ParseConfig([]byte(data), m)
		check(t, fmt.Sprintf("%.60s", data), err, ok)
	}
}

func TestChoose(t *testing.T) {
	entry := func(name, platform string) v1.Descriptor {
		d := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, ArtifactType: name}
		if platform != "" {
			p, err := image.ParsePlatform(platform)
			if err != nil {
				t.Fatal(err)
			}
			d.Platform = &p
		}
		return d
	}
	several := []v1.Descriptor{entry("none", ""), entry("unknown", "unknown/unknown"), entry("windows", "windows/amd64"),
		entry("v7", "linux/arm/v7"), entry("v6", "linux/arm/v6"), entry("amd64", "amd64"), entry("arm64", "linux/arm64/v8"), entry("second", "linux/amd64")}
	odd := []v1.Descriptor{{MediaType: "text/html", Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}}
	tests := []struct {
		list       []v1.Descriptor
		want, pick string
	}{
		{several, "linux/amd64", "amd64"},
		{several, "linux/arm64", "arm64"},
		{several, "linux/arm/v6", "v6"},
		{several, "linux/arm/v5", "v7"},
		{several, "linux/riscv64", ""},
		{several[:1], "linux/amd64", "none"},
		{odd, "linux/amd64", ""},
		{nil, "linux/amd64", ""},
	}
	for _, test := range tests {
		want, err := image.ParsePlatform(test.want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := image.Choose(v1.Index{Manifests: test.list}, want)
		if got.ArtifactType != test.pick || (err == nil) != (test.pick != "") {
			t.Errorf("%s: got %q and %v, want %q", test.want, got.ArtifactType, err, test.pick)
		}
	}
	for _, bad := range []string{"", "a/b/c/d", "linux/", "/amd64"} {
		if p, err := image.ParsePlatform(bad); err == nil {
			t.Errorf("platform %q was accepted as %v", bad, p)
		}
	}
}

// Whatever is accepted must be safe to make a file name of, and one kind of document only.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(manifest("")), v1.MediaTypeImageManifest)
	f.Add([]byte(manifest(`,"manifests":[]`)), v1.MediaTypeImageIndex)
	f.Add([]byte(`{"schemaVersion":2,"manifests":[`+descriptor("x", 1)+`]}`), v1.MediaTypeImageIndex)
	f.Fuzz(func(t *testing.T, data []byte, mediaType string) {
		m, errManifest := image.ParseManifest(data, mediaType)
		index, errIndex := image.ParseIndex(data, mediaType)
		if errManifest == nil && errIndex == nil {
			t.Error("taken for a manifest and for an index")
		}
		if errManifest == nil {
			image.ParseConfig(data, m)
			for _, d := range append(m.Layers, m.Config) {
				if strings.ContainsAny(d.Digest.Encoded(), "/.") || d.Size < 0 {
					t.Errorf("accepted %v", d)
				}
			}
		}
		if errIndex == nil {
			image.Choose(index, image.Here())
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"config":{"Env":["A=B"]},"rootfs":{"diff_ids":[%q]}}`, someDigest)))
	m := v1.Manifest{Layers: make([]v1.Descriptor, 1)}
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := image.ParseConfig(data, m)
		if err == nil && strings.ContainsAny(config.RootFS.DiffIDs[0].Encoded(), "/.") {
			t.Errorf("accepted diff ID %q", config.RootFS.DiffIDs[0])
		}
	})
}

// The familiar form of a name must mean the same name.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"alpine", "a.b/c", "library/x/y", "host:1/a@" + someDigest, "localhost/a:b", "my.team/app"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := image.ParseReference(s)
		if err != nil {
			return
		}
		again, err := image.ParseReference(ref.Familiar())
		if err != nil || again.Name() != ref.Name() {
			t.Errorf("%q is %q, its familiar form %q is %v, %v", s, ref.Name(), ref.Familiar(), again, err)
		}
	})
}
