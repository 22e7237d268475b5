package user

import (
	"math"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
)

// The number that means no change to setresuid(2) would leave a program root: it is refused wherever it comes from.
func TestCredentialsRefuseNoChange(t *testing.T) {
	all := []specs.LinuxIDMapping{{Size: math.MaxUint32}}
	for _, m := range []*Mapping{nil, {UIDs: all, GIDs: all}} {
		for _, u := range []specs.User{{UID: math.MaxUint32}, {GID: math.MaxUint32}, {AdditionalGids: []uint32{1, math.MaxUint32}}} {
			if err := Credentials(&plan.Plan{}, u, m, true); err == nil {
				t.Errorf("%v in %v is taken", u, m)
			}
		}
		if err := Credentials(&plan.Plan{}, specs.User{UID: math.MaxUint32 - 1, GID: math.MaxUint32 - 1}, m, true); err != nil {
			t.Error(err)
		}
	}
}

// Whoever asks for a user that isn't there learns which are.
func TestCredentialsOfAnIDThatIsNotMapped(t *testing.T) {
	ranged := append(single(1000), specs.LinuxIDMapping{ContainerID: 1, HostID: 100000, Size: 65536})
	for want, m := range map[string]Mapping{
		"only root is mapped": {UIDs: single(1000), GIDs: single(1000)},
		"user 99999:0 doesn't exist in this user namespace: only users 0, 1-65536 and groups 0, 1-65536 are mapped": {UIDs: ranged, GIDs: ranged},
	} {
		err := Credentials(&plan.Plan{}, specs.User{UID: 99999}, &m, true)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}
