package main

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/security"
)

// The two programs in the containers are as small as programs get, so that what is measured is the runtime. One ends, the other waits for a signal.
var machineCode = map[string]struct {
	elf         uint16 // e_machine; elf(5)
	exit, pause []byte
}{
	"amd64": {62, []byte{0x31, 0xff, 0xb8, 231, 0, 0, 0, 0x0f, 0x05}, []byte{0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7}}, // exit_group(0); pause()
	"arm64": {183, []byte{0, 0, 0x80, 0xd2, 0xc8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4}, // exit_group(0)
		// ppoll(0, 0, 0, 0)
		[]byte{0, 0, 0x80, 0xd2, 1, 0, 0x80, 0xd2, 2, 0, 0x80, 0xd2, 3, 0, 0x80, 0xd2, 0x28, 9, 0x80, 0xd2, 1, 0, 0, 0xd4, 0xfa, 0xff, 0xff, 0x17}},
}

// program is an executable file of one segment: elf(5).
func program(machine uint16, code []byte) []byte {
	const base, header = 0x400000, 64 + 56
	size := uint64(header + len(code))
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01")
	b.Write(make([]byte, 9))
	for _, field := range []any{uint16(2), machine, uint32(1), uint64(base + header), uint64(64), uint64(0), uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000)} {
		_ = binary.Write(&b, binary.LittleEndian, field) // a buffer takes everything
	}
	b.Write(code)
	return b.Bytes()
}

// Where the programs are in a container.
const (
	ends  = "/bin/true"
	waits = "/bin/pause"
)

// makeRootfs makes a root filesystem: the two programs, and directories to mount on.
func makeRootfs(dir string) error {
	for _, d := range []string{"bin", "dev", "etc", "proc", "sys", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	code, ok := machineCode[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("this is written for amd64 and arm64, and this machine is %s: measure on another", runtime.GOARCH)
	}
	if err := os.WriteFile(filepath.Join(dir, ends), program(code.elf, code.exit), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, waits), program(code.elf, code.pause), 0o755)
}

// capabilities are Docker's for a container.
func capabilities() *specs.LinuxCapabilities {
	list := security.DefaultCapabilities()
	return &specs.LinuxCapabilities{Bounding: list, Permitted: list, Effective: list}
}

// configuration is what Docker gives a runtime for a container without a network: all namespaces, the default seccomp profile, a cgroup with limits,
// capabilities, masked paths. The version is one that old runtimes accept.
func configuration(rootfs, cgroup, program string) (*specs.Spec, error) {
	caps := capabilities()
	seccomp, err := security.DefaultProfile(caps.Bounding)
	if err != nil {
		return nil, err
	}
	memory, pids, shares := int64(256<<20), int64(100), uint64(512)
	s := &specs.Spec{
		Version: "1.0.2", Hostname: "bench", Root: &specs.Root{Path: rootfs},
		Process: &specs.Process{Cwd: "/", Args: []string{program}, Env: []string{"PATH=/bin"}, Capabilities: caps, NoNewPrivileges: true,
			Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 1024}}},
		Linux: &specs.Linux{
			CgroupsPath: cgroup, Seccomp: seccomp,
			Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &memory}, Pids: &specs.LinuxPids{Limit: &pids}, CPU: &specs.LinuxCPU{Shares: &shares},
				Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}},
			MaskedPaths: []string{"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi", "/proc/sched_debug",
				"/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
		Mounts: []specs.Mount{
			{Type: "proc", Source: "proc", Destination: "/proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Type: "tmpfs", Source: "tmpfs", Destination: "/dev", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Type: "devpts", Source: "devpts", Destination: "/dev/pts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Type: "sysfs", Source: "sysfs", Destination: "/sys", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
			{Type: "mqueue", Source: "mqueue", Destination: "/dev/mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Type: "tmpfs", Source: "shm", Destination: "/dev/shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		},
	}
	for _, t := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace, specs.CgroupNamespace} {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t})
	}
	return s, nil
}

// makeBundle writes a bundle for one of the programs.
func makeBundle(dir, rootfs, cgroup, program string) error {
	s, err := configuration(rootfs, cgroup, program)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), b, 0o644)
}

// image is the root filesystem's name as an image.
const image = "bench:latest"

// makeImage writes it as an archive that all load.
func makeImage(file, rootfs string) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(rootfs)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		return err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config.OS, config.Architecture, config.Config = "linux", runtime.GOARCH, v1.Config{Cmd: []string{ends}, Env: []string{"PATH=/bin"}}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	tag, err := name.NewTag(image)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(file, tag, img)
}
