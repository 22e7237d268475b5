package security

import (
	"fmt"

	moby "github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// DefaultProfile is linux.seccomp of a container of Docker's: a list of about 350 calls that are allowed. Some
// depend on the machine, on its kernel's version, and on the capabilities in the bounding set.
func DefaultProfile(bounding []string) (*specs.LinuxSeccomp, error) {
	s, err := moby.GetDefaultProfile(withBounding(bounding))
	if err != nil {
		return nil, fmt.Errorf("making the default seccomp profile: %w", err)
	}
	return s, nil
}

// ReadProfile is the same from a file in the format that docker run --security-opt seccomp=FILE takes.
func ReadProfile(file []byte, bounding []string) (*specs.LinuxSeccomp, error) {
	s, err := moby.LoadProfile(string(file), withBounding(bounding))
	if err != nil {
		return nil, fmt.Errorf("reading the seccomp profile: %w", err)
	}
	return s, nil
}

func withBounding(names []string) *specs.Spec {
	return &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: names}}}
}
