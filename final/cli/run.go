package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"stave/final/cgroup"
	"stave/final/engine"
	"stave/final/plan"
	"stave/final/terminal"
)

// runFlags are the flags of run that need reading before the engine takes them.
type runFlags struct {
	engine.Options
	memory, explain string
	write           func(*plan.Plan, io.Writer, []plan.Timing) error // the list, if it is to be explained
	signals         func() <-chan os.Signal
}

func runCommand(r *root) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "run [flags] IMAGE [COMMAND [ARG...]]",
		Short: "Run a program in a new container",
		Long: `Run a program in a new container and wait for its end.

The image is pulled if it isn't there yet; "toolbox" is built from Stave's own source. At a terminal -i and -t are the
default. The exit code is the program's; 128+n if signal n ended it; 125 if the container couldn't be made, 126 if the
program couldn't be executed, 127 if there is no such program.

The program is process 1 of its container, to which a signal that it has no handler for does nothing, Ctrl-C's included.
With --init it is another process, and ends.`,
		Example: `  stave run toolbox                                   an interactive shell
  stave run --hostname box toolbox hostname
  stave run --memory 64M toolbox hog 200M             what happens at the limit
  stave run -v ./data:/data:ro toolbox ls /data
  stave run --rootfs ./rootfs sh                      a directory in place of an image
  stave run --explain toolbox true                    each system call, and how long it took`,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, r, args) },
	}
	flags := c.Flags()
	flags.SetInterspersed(false) // what follows the image is the program's
	flags.BoolVarP(&f.Interactive, "interactive", "i", false, "keep standard input open")
	flags.BoolVarP(&f.TTY, "tty", "t", false, "give it a terminal")
	flags.Bool("rm", true, "remove the container when it ends (always so: containers aren't kept)")
	flags.StringVar(&f.Name, "name", "", "`name` of the container (default: its ID)")
	flags.StringVar(&f.Hostname, "hostname", "", "host `name` inside (default: the container's ID)")
	flags.StringArrayVarP(&f.Env, "env", "e", nil, "set an environment variable: `NAME=VALUE`, or NAME to pass on yours")
	flags.StringVarP(&f.WorkDir, "workdir", "w", "", "working `directory` inside")
	flags.StringVarP(&f.User, "user", "u", "", "`user[:group]` inside, names or numbers")
	flags.StringArrayVarP(&f.Volumes, "volume", "v", nil, "mount a directory or file: `SOURCE:DESTINATION[:ro]`")
	flags.StringArrayVar(&f.Tmpfs, "tmpfs", nil, "mount a tmpfs: `DESTINATION[:size=64m,...]`")
	flags.BoolVar(&f.ReadOnly, "read-only", false, "make the root filesystem read-only")
	flags.StringVarP(&f.memory, "memory", "m", "", "limit of memory, in `bytes` or with a unit: 64M, 1G")
	flags.Float64Var(&f.CPUs, "cpus", 0, "limit of processor time, as a `number` of processors: 0.5")
	flags.Int64Var(&f.Pids, "pids-limit", 0, "limit of processes, a `number`; 0 or -1 for none")
	flags.StringVar(&f.Network, "network", "none", "which `network`: none, only loopback, host, the machine's own, or container:NAME")
	f.isolation(flags)
	flags.StringVar(&f.Rootfs, "rootfs", "", "use this `directory` in place of an image; it is not written to")
	flags.StringVar(&f.explain, "explain", "", "print the list of system calls with times to standard error, `as` text or json")
	flags.Lookup("explain").NoOptDefVal = "text"
	return c
}

func (f *runFlags) run(c *cobra.Command, r *root, args []string) error {
	if err := f.read(c, args); err != nil {
		return err
	}
	f.signals = terminal.Listen()
	e, err := r.open()
	if err != nil {
		return err
	}
	m := engine.Monitor{Ready: func() { f.signals() }, Started: f.attend, Size: terminal.Size, Warn: func(text string) { fmt.Fprintf(os.Stderr, "stave: warning: %s\n", text) }}
	if f.write != nil {
		m.Planned = f.explained
	}
	result, err := e.Run(c.Context(), f.Options, m)
	if err != nil {
		return err
	}
	if result.OOMKills > 0 {
		fmt.Fprintf(os.Stderr, "stave: container %s ran out of memory (limit %s): the kernel killed %s\n", result.Name, f.memory, processes(result.OOMKills))
	}
	if result.Code != 0 {
		return exit(result.Code)
	}
	return nil
}

// impatience is how many times someone asks a program to stop before it is made to.
const impatience = 3

// attend stays with the container until it ends.
func (f *runFlags) attend(pidfd int, master *os.File) (ended func()) {
	return terminal.Attendant{PidFD: pidfd, Signals: f.signals, Terminal: master, Interactive: f.Interactive, Patience: impatience, Killing: func() {
		fmt.Fprintf(os.Stderr, "stave: asked %d times: killing the container\n", impatience)
	}}.Attend()
}

// minCPUs and maxCPUs are what the kernel takes: at least a millisecond in each period of 100, and at most 2^44 microseconds (MAX_BW, kernel/sched/sched.h).
const minCPUs, maxCPUs = 0.01, 100_000_000

// read checks the flags and fills in defaults that depend on where we are.
func (f *runFlags) read(c *cobra.Command, args []string) error {
	if f.Rootfs == "" {
		if len(args) == 0 {
			return fmt.Errorf(`run needs an image: try "stave run toolbox", or see "stave run --help"`)
		}
		f.Image, args = args[0], args[1:]
	}
	f.Command = args
	for _, e := range f.Env {
		if e == "" || e[0] == '=' {
			return fmt.Errorf("--env %q: give NAME=VALUE, or NAME to pass on yours", e)
		}
	}
	var err error
	if f.memory != "" {
		if f.Memory, err = cgroup.ParseBytes(f.memory); err != nil {
			return fmt.Errorf("--memory %w", err)
		}
	}
	switch {
	case c.Flags().Changed("cpus") && !(f.CPUs >= minCPUs && f.CPUs <= maxCPUs): // nor NaN, which is neither less nor more
		return fmt.Errorf("--cpus %v: give at least %v and at most %v", f.CPUs, minCPUs, int(maxCPUs))
	case f.Pids < -1:
		return fmt.Errorf("--pids-limit %d: give a number from 1 up, or -1 for no limit", f.Pids)
	}
	if f.explain != "" {
		if f.write, err = plan.Writer(f.explain); err != nil {
			return fmt.Errorf("--explain=%w", err)
		}
	}
	standing := term.IsTerminal(0) && term.IsTerminal(1)
	if standing && !c.Flags().Changed("tty") && !c.Flags().Changed("interactive") {
		f.TTY, f.Interactive = true, true
	}
	if f.TTY && f.Interactive && !term.IsTerminal(0) {
		return fmt.Errorf("-t with -i needs a terminal, and standard input is none: leave -t out")
	}
	return nil
}

func (f *runFlags) explained(p *plan.Plan, timings []plan.Timing) {
	var w io.Writer = os.Stderr
	if f.TTY {
		w = terminal.CRLF{W: os.Stderr}
	}
	_ = f.write(p, w, timings) // a closed standard error is no reason not to run
}

func processes(n int) string {
	if n == 1 {
		return "a process"
	}
	return fmt.Sprintf("%d processes", n)
}
