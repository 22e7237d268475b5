// Vm boots Debian's kernel with cgroup v2 only, which is what most machines have, and runs Stave's tests or a command in
// it. It needs Debian, qemu-system-x86 and e2fsprogs, but no privilege, and installs nothing.
//
// Synopsis:
//
//	go run ./internal/vm test [-v] [-run REGEXP] [-memory MiB] [-timeout TIME] [-skips DIR] [PACKAGE...]
//	go run ./internal/vm -- COMMAND [ARG...]
//
// With test, the tests of the packages run as root and then as an ordinary user who has a cgroup delegated to them and a
// range of subordinate ids, two packages at a time. If none is named, they are those that can turn out otherwise in there
// than on this machine; choice.go has what is left out. With a command, such as "-- sh", that runs as root on the console;
// "-- setpriv --reuid student --regid student --clear-groups sh" makes it the ordinary user. The exit code is the
// command's, or 1 if a test failed; go run makes 1 of every failure.
//
// Options of test:
//
//	-v         show the machine's console, and which tests begin
//	-run       only those tests, as with go test
//	-memory    of the machine, in MiB
//	-timeout   for all of it; after that the machine is switched off and the end of its console shown
//	-skips     a directory that gets the records of skipped checks, in files root-v2 and user-v2
//
// There is no hardware acceleration, so that it runs anywhere: programs in it are about ten times slower than outside,
// which STAVE_SLOW tells the tests.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/term"

	"stave/internal/vm/guest"
	"stave/internal/vm/protocol"
)

// slow is how much slower programs are inside, roughly.
const slow = 10

// wantedModules of the kernel: the disk, the source of random numbers, and what containers need. The virtual machine has
// no modprobe, so that what is missing from this list is seen to be missing.
var wantedModules = []string{
	"virtio_pci", "virtio_blk", "virtio_rng",
	"overlay", "tun", "dummy", "veth", "bridge",
	"nf_tables", "nft_chain_nat", "nft_masq", "nft_nat", "nft_ct", "nft_fib_inet", "nft_reject_inet",
}

// options of the command line.
type options struct {
	verbose  bool
	run      string
	memory   int
	timeout  time.Duration
	skips    string
	packages []string
	command  []string
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	code, err := run(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

var errUsage = errors.New(`usage: "vm test [PACKAGE...]" or "vm -- COMMAND [ARG...]"`)

func parse(args []string) (options, error) {
	o := options{memory: 3072, timeout: 90 * time.Minute}
	if len(args) == 0 {
		return o, errUsage
	}
	switch args[0] {
	case "--":
		o.command, o.timeout = args[1:], 24*time.Hour
		if len(o.command) == 0 {
			return o, errUsage
		}
	case "test":
		flags := flag.NewFlagSet("vm test", flag.ContinueOnError)
		flags.BoolVar(&o.verbose, "v", false, "show the machine's console, and which tests begin")
		flags.StringVar(&o.run, "run", "", "only the tests that match the `regexp`")
		flags.IntVar(&o.memory, "memory", o.memory, "of the machine, in `MiB`")
		flags.DurationVar(&o.timeout, "timeout", o.timeout, "for all of it")
		flags.StringVar(&o.skips, "skips", "", "a `directory` for the records of skipped checks")
		if err := flags.Parse(args[1:]); err != nil {
			return o, err
		}
		o.packages = flags.Args()
	default:
		return o, errUsage
	}
	return o, nil
}

func run(ctx context.Context, o options) (int, error) {
	if runtime.GOARCH != "amd64" {
		return 1, fmt.Errorf("only amd64 machines can run this so far; this one is %s", runtime.GOARCH)
	}
	dir, err := os.MkdirTemp("", "stave-vm-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)

	m, err := prepare(ctx, dir, o)
	if err != nil {
		return 1, err
	}
	var console tail
	m.console = &console
	if o.verbose || o.command != nil {
		m.console = io.MultiWriter(&console, os.Stdout)
	}
	if o.command != nil {
		m.input = os.Stdin
		if state, err := term.MakeRaw(int(os.Stdin.Fd())); err == nil {
			defer term.Restore(int(os.Stdin.Fd()), state)
		}
	}
	skips, err := openSkips(o.skips)
	if err != nil {
		return 1, err
	}
	defer skips.close()

	r := report{out: os.Stdout, verbose: o.verbose, skips: skips.add}
	timed, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("the virtual machine was not done after %v", o.timeout))
	defer cancel()
	err = m.boot(timed, r.event)
	if err == nil {
		err = r.verdict()
	}
	if o.command != nil && r.done {
		return r.code, nil
	}
	fmt.Printf("in the virtual machine: %d packages passed, %d failed, %d checks skipped\n", r.passed, r.failed, r.skipped)
	if err != nil && r.failed == 0 && !o.verbose {
		fmt.Fprintf(os.Stderr, "vm: the end of its console:\n%s\n", console.String())
	}
	return r.code, err
}

// prepare makes all that the machine starts from.
func prepare(ctx context.Context, dir string, o options) (machine, error) {
	kernel, err := guest.FetchKernel(ctx)
	if err != nil {
		return machine{}, err
	}
	module, err := os.Getwd()
	if err != nil {
		return machine{}, err
	}
	if _, err := os.Stat(filepath.Join(module, "internal", "vm")); err != nil {
		return machine{}, errors.New("run this in the top directory of Stave's source")
	}
	s := system{root: filepath.Join(dir, "root"), module: module}
	if err := s.build(ctx); err != nil {
		return machine{}, err
	}
	plan := protocol.Plan{Command: o.command, Run: o.run, Slow: slow}
	if o.command == nil {
		if plan.Tests, err = s.addTests(ctx, o.packages); err != nil {
			return machine{}, err
		}
		tested := func(pkg string) bool {
			return slices.ContainsFunc(plan.Tests, func(t protocol.Test) bool { return t.Package == pkg })
		}
		if tested(transcripts) {
			if err := s.addPrograms(ctx); err != nil {
				return machine{}, err
			}
		}
		if tested(exercises) || tested(grading) {
			if err := s.addAnswers(ctx); err != nil {
				return machine{}, err
			}
		}
	} else if columns, rows, err := term.GetSize(int(os.Stdin.Fd())); err == nil {
		plan.Rows, plan.Columns = uint16(rows), uint16(columns)
	}
	m := machine{
		dir:       dir,
		kernel:    kernel.Image,
		initramfs: filepath.Join(dir, "initramfs"),
		disk:      filepath.Join(dir, "disk"),
		memory:    o.memory,
	}
	initramfs := guest.Initramfs{Init: filepath.Join(s.root, "usr/sbin/init"), Modules: wantedModules}
	if err := initramfs.Write(m.initramfs, kernel); err != nil {
		return machine{}, err
	}
	return m, s.disk(ctx, m.disk, plan)
}

// tail keeps the last of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	const enough = 8 << 10
	n, err := t.Buffer.Write(p)
	if extra := t.Len() - enough; extra > 0 {
		t.Next(extra)
	}
	return n, err
}
