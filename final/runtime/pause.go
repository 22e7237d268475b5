package runtime

import (
	"context"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/cgroup"
)

// Pause freezes all processes of a container.
func (r Root) Pause(ctx context.Context, id string) error {
	i, err := r.locked(id)
	if err != nil {
		return err
	}
	defer i.unlock()
	if s := i.Now(); s.Status != specs.StateRunning && s.Status != specs.StateCreated {
		return fmt.Errorf("pausing container %s, which is %s: %w", id, s.Status, ErrNotRunning)
	}
	err = i.cgroup().Freeze(ctx)
	if _, alive := i.process(); !alive {
		return fmt.Errorf("pausing container %s, which has stopped meanwhile: %w", id, ErrNotRunning)
	}
	return err
}

// Resume lets them go on.
func (r Root) Resume(ctx context.Context, id string) error {
	i, err := r.locked(id)
	if err != nil {
		return err
	}
	defer i.unlock()
	if s := i.Now(); s.Status != Paused {
		return fmt.Errorf("resuming container %s, which is %s: %w", id, s.Status, ErrNotPaused)
	}
	return i.cgroup().Thaw(ctx)
}

// Update changes the limits of a container that runs.
func (r Root) Update(id string, resources *specs.LinuxResources) error {
	i, err := r.locked(id)
	if err != nil {
		return err
	}
	defer i.unlock()
	if s := i.Now(); s.Status == specs.StateStopped || s.Status == specs.StateCreating {
		return fmt.Errorf("updating container %s, which is %s: %w", id, s.Status, ErrNotRunning)
	}
	layout, err := cgroup.Detect()
	if err != nil {
		return err
	}
	unit, err := i.unit()
	if err != nil {
		return err
	}
	return i.cgroup().Update(layout, resources, unit)
}

// Cgroup is what the container uses and may use. It fails where the container has none, as it may without root.
func (i *Instance) Cgroup() (cgroup.Group, error) {
	if len(i.Cgroups) == 0 {
		return cgroup.Group{}, fmt.Errorf("container %s has no cgroup: its creator was neither root nor had one delegated", i.ID)
	}
	return i.cgroup(), nil
}
