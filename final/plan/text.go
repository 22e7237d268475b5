package plan

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Writer is what writes a list in a form: text is [Plan.WriteText], json is [Plan.WriteJSON].
func Writer(form string) (func(p *Plan, w io.Writer, timings []Timing) error, error) {
	switch form {
	case "text":
		return (*Plan).WriteText, nil
	case "json":
		return (*Plan).WriteJSON, nil
	}
	return nil, fmt.Errorf("%s: it is text or json", form)
}

// WriteText writes the list for a reader: each operation with who performs it, what for and the step that teaches
// it, and under it its calls in the notation of strace(1). With timings, each call is preceded by how long it took.
func (p *Plan) WriteText(w io.Writer, timings []Timing) error {
	took := map[[2]int]Timing{}
	for _, t := range timings {
		took[[2]int{t.Op, t.Call}] = t
	}
	b := bufio.NewWriter(w)
	for i, op := range p.Ops {
		head := fmt.Sprintf("%-6s  %s", op.Actor, op.What)
		if op.Step != "" {
			head = fmt.Sprintf("%-68s  %s", head, op.Step)
		}
		fmt.Fprintln(b, head)
		if op.Why != "" {
			fmt.Fprintf(b, "        # %s\n", op.Why)
		}
		for j, c := range op.Calls {
			t, known := took[[2]int{i, j}]
			fmt.Fprintf(b, "%s%s%s\n", margin(t, known, timings != nil), c, outcome(c, t, known))
		}
	}
	return b.Flush()
}

// margin is what stands before a call: nothing, or its time.
func margin(t Timing, known, timed bool) string {
	switch {
	case !timed:
		return "        "
	case !known || t.Skipped:
		return "         -  ms  "
	}
	return fmt.Sprintf("  %7.3f ms  ", float64(t.Took)/float64(time.Millisecond))
}

// outcome is what stands after a call: how it failed, or on what it depends and how it may fail.
func outcome(c Call, t Timing, known bool) string {
	switch {
	case known && t.Skipped:
		return "  (passed over)"
	case known && t.Errno != 0:
		return "  (" + t.Errno.Error() + ")"
	case known:
		return ""
	}
	var notes []string
	if c.If != "" {
		notes = append(notes, "if there is "+c.If)
	}
	if c.Unless != "" {
		notes = append(notes, "unless there is "+c.Unless)
	}
	if len(c.Allow) > 0 {
		texts := make([]string, len(c.Allow))
		for i, e := range c.Allow {
			texts[i] = e.Error()
		}
		notes = append(notes, "or "+strings.Join(texts, ", "))
	}
	if len(notes) == 0 {
		return ""
	}
	return "  (" + strings.Join(notes, "; ") + ")"
}

type jsonCall struct {
	Call    string  `json:"call"`
	Micros  float64 `json:"us,omitempty"`
	Error   string  `json:"error,omitempty"`
	Skipped bool    `json:"skipped,omitempty"`
}

type jsonOp struct {
	Actor string     `json:"actor"`
	What  string     `json:"what"`
	Why   string     `json:"why,omitempty"`
	Step  string     `json:"step,omitempty"`
	Calls []jsonCall `json:"calls"`
}

// WriteJSON writes the same list as a JSON array of operations; times are in microseconds.
func (p *Plan) WriteJSON(w io.Writer, timings []Timing) error {
	ops := make([]jsonOp, len(p.Ops))
	for i, op := range p.Ops {
		ops[i] = jsonOp{Actor: op.Actor.String(), What: op.What, Why: op.Why, Step: op.Step}
		for _, c := range op.Calls {
			ops[i].Calls = append(ops[i].Calls, jsonCall{Call: c.String()})
		}
	}
	for _, t := range timings {
		c := &ops[t.Op].Calls[t.Call]
		c.Micros = float64(t.Took) / float64(time.Microsecond)
		c.Skipped = t.Skipped
		if t.Errno != 0 {
			c.Error = t.Errno.Error()
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(ops)
}
