package user

import (
	"math"
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
