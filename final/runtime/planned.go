package runtime

import (
	"maps"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// Run carries the plan out, after those that make what it takes. See [plan.Plan.Run].
func (p *Planned) Run(o plan.Options) (*plan.Process, error) {
	inputs := maps.Clone(o.Inputs)
	if inputs == nil {
		inputs = map[string]int{}
	}
	for _, m := range p.Idmaps {
		fd, err := m.Open()
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
		inputs[m.Input] = fd
	}
	o.Inputs = inputs
	return p.Plan.Run(o)
}
