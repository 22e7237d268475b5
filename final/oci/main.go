// Command stave-oci is a runtime of the OCI runtime specification with runc's command line, so that Docker, Podman and containerd can use it
// in runc's place. See "stave-oci --help", and docs for what it is in the book.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"

	"stave/final/runtime"
)

func main() { os.Exit(run()) }

// run is the command in os.Args, and its exit code.
func run() int {
	g := &global{}
	err := command(g, os.Args[1:]).Execute()
	if err == nil {
		return 0
	}
	var code exit
	if errors.As(err, &code) {
		return int(code)
	}
	g.log("error", err)
	var failed *execFailure
	if errors.As(err, &failed) {
		return 255
	}
	return 1
}

// An exit is the code of a program that ran. It is no failure of ours, so nothing is printed.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitCode is the error for a program's exit code: none for 0.
func exitCode(code int) error {
	if code == 0 {
		return nil
	}
	return exit(code)
}

// An entry is one command. Only those named on the command line are made: cobra takes time for each, and there are many.
type entry struct {
	name string
	make func(*global) *cobra.Command
}

var entries = []entry{
	{"checkpoint", refused("checkpoint")}, {"create", createCommand}, {"delete", deleteCommand}, {"events", eventsCommand}, {"exec", execCommand},
	{"features", featuresCommand}, {"kill", killCommand}, {"list", listCommand}, {"pause", pauseCommand}, {"plan", planCommand}, {"ps", psCommand},
	{"restore", refused("restore")}, {"resume", resumeCommand}, {"run", runCommand}, {"spec", specCommand}, {"start", startCommand},
	{"state", stateCommand}, {"update", updateCommand},
}

func command(g *global, args []string) *cobra.Command {
	c := &cobra.Command{
		Use:   "stave-oci",
		Short: "Run containers from bundles",
		Long: `stave-oci makes, starts, stops and removes containers from bundles of the OCI runtime specification. Its command line is runc's.
A bundle is a directory with config.json and a root filesystem. A container is a list of system calls; "stave-oci plan" prints it.`,
		Example: `  stave-oci spec                       write a config.json to begin with
  stave-oci run box                    make a container of the bundle here and wait for its end
  stave-oci plan                       the system calls that would make it
  stave-oci create box && stave-oci start box && stave-oci delete --force box`,
		Version:           "unread",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.NoArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return g.check(!slices.Contains(stateless, c.Name())) },
	}
	f := c.PersistentFlags()
	f.StringVar(&g.root, "root", "", "`directory` for the state of containers (default: "+defaultRoot+", or for an ordinary user $XDG_RUNTIME_DIR/stave-oci)")
	f.StringVar(&g.logFile, "log", "", "`file` to which failures are also written")
	f.StringVar(&g.logFormat, "log-format", "text", "`format` of what is written there: text or json")
	f.BoolVar(&g.systemd, "systemd-cgroup", false, "let systemd make the cgroup; cgroupsPath is slice:prefix:name")
	f.StringVar(&g.cgroupManager, "cgroup-manager", "", "`who` makes the cgroup: cgroupfs, systemd or disabled")
	f.Bool("debug", false, "log more (there is no more: see run --explain)")
	f.String("rootless", "auto", "whether a missing cgroup is an error; found out by itself")
	f.String("log-level", "", "")
	f.String("criu", "", "")
	_, _ = f.MarkHidden("log-level"), f.MarkHidden("criu")
	named := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return !slices.Contains(args, e.name) })
	if len(named) == 0 || slices.Contains(args, "help") {
		named = entries
	}
	for _, e := range named {
		c.AddCommand(e.make(g))
	}
	if slices.Contains(args, "--version") || slices.Contains(args, "-v") {
		c.Version = version() // which takes a moment
	}
	c.SetArgs(args)
	return c
}

// version is in the form that Docker and containerd parse, after "stave-oci version". It is no template of cobra's: whoever sets one has the linker keep every method there is.
func version() string {
	number, commit := runtime.Version()
	return fmt.Sprintf("%s\ncommit: %s\nspec: %s", number, commit, specs.Version)
}

// global are the flags that come before the command.
type global struct {
	root, logFile, logFormat, cgroupManager string
	systemd                                 bool
}

const defaultRoot = "/run/stave-oci"

// stateless are the commands that need no directory for the state of containers.
var stateless = []string{"features", "plan", "spec"}

// check fills in what wasn't said.
func (g *global) check(stateful bool) error {
	if g.logFormat != "text" && g.logFormat != "json" {
		return fmt.Errorf("--log-format %s: it is text or json", g.logFormat)
	}
	if !stateful {
		return nil
	}
	if g.root == "" {
		g.root = defaultRoot
		if !runtime.Privileged() {
			dir := os.Getenv("XDG_RUNTIME_DIR")
			if dir == "" {
				return errors.New("XDG_RUNTIME_DIR isn't set: name a directory for the state of containers with --root")
			}
			g.root = filepath.Join(dir, "stave-oci")
		}
	}
	root, err := filepath.Abs(g.root)
	if err != nil {
		return err
	}
	if root == "/" {
		return errors.New("--root: the state of containers can't be in the root directory")
	}
	g.root = root
	return nil
}

func (g *global) containers() runtime.Root { return runtime.Root(g.root) }

func (g *global) cgroups() (runtime.CgroupManager, error) {
	switch {
	case g.cgroupManager == "systemd", g.cgroupManager == "" && g.systemd:
		return runtime.Systemd, nil
	case g.cgroupManager == "disabled":
		return runtime.NoCgroups, nil
	case g.cgroupManager == "", g.cgroupManager == "cgroupfs":
		return runtime.Cgroupfs, nil
	}
	return 0, fmt.Errorf("--cgroup-manager %s: it is cgroupfs, systemd or disabled", g.cgroupManager)
}

// warn says what went wrong without being a failure.
func (g *global) warn(err error) { g.log("warning", err) }

// absolute makes a file's name one that stays good. An empty one stays empty.
func absolute(name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "/") {
		return name, nil
	}
	return filepath.Abs(name)
}
