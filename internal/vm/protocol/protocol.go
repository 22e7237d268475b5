// Package protocol is what the program outside the virtual machine and the one inside tell each other: a Plan goes in as a
// file, Events come out as lines of JSON through a serial port of their own, where nothing else is ever written.
package protocol

// Where things are inside.
const (
	PlanFile   = "/etc/stave/plan.json"
	ToolboxDir = "/usr/lib/stave/toolbox"
	SourceDir  = "/usr/src/stave"
	TestsDir   = "/usr/lib/stave/tests"
	BuiltDir   = "/usr/lib/stave/built" // programs for the book's transcripts, see stave/workbook/book
	EventPort  = "/dev/ttyS1"
	Console    = "/dev/ttyS0"
)

// A Plan is what to do before switching off: run tests, or a command on the console.
type Plan struct {
	Tests   []Test   `json:"tests"`
	Run     string   `json:"run"` // which tests of each package, as go test -run has it; empty for all
	Command []string `json:"command"`
	Rows    uint16   `json:"rows"` // size of the terminal that the console is shown on; 0 if there is none
	Columns uint16   `json:"columns"`
	Slow    int      `json:"slow"` // STAVE_SLOW
}

// A Test is a test binary for one package.
type Test struct {
	Package string `json:"package"`
	Dir     string `json:"dir"` // where it has its testdata
	Binary  string `json:"binary"`

	Once  bool     `json:"once"`  // as root only
	Alone bool     `json:"alone"` // with no other beside it
	Skip  string   `json:"skip"`  // which not, as go test -skip has it; empty for none
	Short []string `json:"short"` // the users for whom it is as go test -short has it: "root", "user"
}

// An Event is one line from inside.
type Event struct {
	Kind    Kind    `json:"kind"`
	User    string  `json:"user,omitempty"`    // "root" or "user"
	Package string  `json:"package,omitempty"` // of Start, Skip and End, or Leftovers
	Text    string  `json:"text,omitempty"`    // of Skip a script.Record; of End what a failed test printed; of Broken why
	Code    int     `json:"code"`              // exit code
	Seconds float64 `json:"seconds"`
}

// Kind of an event.
type Kind string

// Leftovers is for the name of a package in the End that tells what all tests of a user have changed on the machine.
const Leftovers = "what the tests left"

// A test gives Start, any number of Skip, and End; several may be under way at a time. Done comes last of all: without it the machine has died on the way.
const (
	Start  Kind = "start"
	Skip   Kind = "skip"
	End    Kind = "end"
	Broken Kind = "broken"
	Done   Kind = "done"
)
