package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// image is what a program comes in: its files, in layers (layer.go), and a config, which says how to start it and names
// the layers. See https://github.com/opencontainers/image-spec.
type image struct {
	Name    string
	Config  v1.Config
	process syscall.SysProcAttr // whom the program runs as
}

func imageCommands() []*cobra.Command {
	one := cobra.ExactArgs(1)
	return []*cobra.Command{
		{Use: "pull NAME", Short: "Bring an image from a registry", Args: one, RunE: pull},
		{Use: "load TAR", Short: `Bring the images in a file that "docker save" wrote`, Args: one, RunE: load},
		{Use: "images", Short: "List the images", Args: cobra.NoArgs, RunE: list},
		{Use: "rmi NAME", Short: "Remove an image, and the layers that no other has", Args: one, RunE: remove},
	}
}

// stored is where something of ours is. A user namespace needs other marks in layers than the real root: a place for each.
func stored(kind, name string) string {
	data := cmp.Or(os.Getenv("XDG_DATA_HOME"), os.Getenv("HOME")+"/.local/share")
	return filepath.Join(data, "stave-steps", marks(), kind+"-"+name)
}

// lock keeps others from removing what we use or bring, until we end.
func lock(how int) error {
	store := filepath.Dir(stored("", ""))
	fd, err := unix.Open(store, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Flock(fd, how|unix.LOCK_NB)
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", store, err)
	}
	for _, path := range leftovers(stored("unfinished", "*")) {
		os.RemoveAll(path)
	}
	return nil
}

func pull(_ *cobra.Command, args []string) error {
	ref, err := name.ParseReference(args[0])
	if err != nil {
		return err
	}
	here := v1.Platform{OS: "linux", Architecture: runtime.GOARCH} // a name may stand for several images, one for each
	img, err := remote.Image(ref, remote.WithPlatform(here), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return fmt.Errorf("pulling %s: %w", ref, err)
	}
	return keep(ref, img)
}

func load(_ *cobra.Command, args []string) error {
	open := func() (io.ReadCloser, error) { return os.Open(args[0]) }
	contents, err := tarball.LoadManifest(open)
	if err != nil {
		return fmt.Errorf("reading %s: %w", args[0], err)
	}
	for _, entry := range contents {
		for _, s := range entry.RepoTags {
			tag, err := name.NewTag(s)
			if err != nil {
				return err
			}
			img, err := tarball.Image(open, &tag)
			if err == nil {
				err = keep(tag, img)
			}
			if err != nil {
				return fmt.Errorf("loading %s: %w", tag, err)
			}
		}
	}
	return nil
}

// keep unpacks the layers and then keeps the config, under the image's name: where that is, all else is.
func keep(ref name.Reference, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	ids := config.RootFS.DiffIDs
	if len(ids) == 0 || len(ids) != len(layers) {
		return fmt.Errorf("%s has %d layers, and its config says %d: not an image to run", ref, len(layers), len(ids))
	}
	// Nobody else may look inside, for there are setuid programs in layers: CVE-2021-41091.
	if err := os.MkdirAll(filepath.Dir(stored("", "")), 0o700); err != nil {
		return err
	}
	if err := lock(unix.LOCK_SH); err != nil {
		return err
	}
	for i, l := range layers {
		if err := unpack(l, ids[i].Hex); err != nil {
			return fmt.Errorf("layer %d of %s: %w", i+1, ref, err)
		}
	}
	text, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	unfinished := stored("unfinished", strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(unfinished, text, 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, stored("image", url.PathEscape(ref.Name())))
}

// images returns the configs of all images by name.
func images() (map[string]*v1.ConfigFile, error) {
	all := map[string]*v1.ConfigFile{}
	paths, _ := filepath.Glob(stored("image", "*"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name, _ := url.PathUnescape(strings.TrimPrefix(path, stored("image", "")))
		if all[name], err = v1.ParseConfigFile(bytes.NewReader(text)); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return all, nil
}

func list(*cobra.Command, []string) error {
	all, err := images()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name].Config
		fmt.Printf("%s: %d layers, runs %q\n", name, len(all[name].RootFS.DiffIDs), slices.Concat(c.Entrypoint, c.Cmd))
	}
	return err
}

func remove(_ *cobra.Command, args []string) error {
	ref, err := name.ParseReference(args[0])
	if err != nil {
		return err
	}
	if err := lock(unix.LOCK_EX); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: containers still need layers, or an image is on its way", err) // in final/, others' may be
	}
	if err := os.Remove(stored("image", url.PathEscape(ref.Name()))); err != nil {
		return fmt.Errorf("there is no image %s: %w", ref, err)
	}
	rest, err := images()
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, config := range rest {
		for _, id := range config.RootFS.DiffIDs {
			needed[stored("layer", id.Hex)] = true
		}
	}
	layers, _ := filepath.Glob(stored("layer", "*"))
	for i, layer := range layers {
		if !needed[layer] {
			half := stored("unfinished", fmt.Sprintf("%d-%d", i, os.Getpid())) // half removed, it must not be called a layer
			err = errors.Join(err, os.Rename(layer, half), os.RemoveAll(half))
		}
	}
	return err
}

// parent looks for an image of the name that is where a program's would be. Its layers become the root. Entrypoint and Cmd
// become the program, and arguments take the place of Cmd.
func (i *image) parent(c *container) error {
	if c.Mounts.Rootfs != "" || len(c.Overlay.Layers) > 0 {
		return nil
	}
	if err := lock(unix.LOCK_SH); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all, err := images()
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(c.Arguments[0])
	if err != nil || all[ref.Name()] == nil { // then it is a program, and the host's
		if _, err := exec.LookPath(c.Arguments[0]); err != nil {
			return fmt.Errorf("no image of that name is here (\"step pull\" brings one), and no program: %w", err)
		}
		return nil
	}
	i.Name, i.Config = c.Arguments[0], all[ref.Name()].Config
	for _, id := range all[ref.Name()].RootFS.DiffIDs {
		dir := stored("layer", id.Hex)
		// One that is there twice counts where it is uppermost; overlayfs would refuse it.
		c.Overlay.Layers = append(slices.DeleteFunc(c.Overlay.Layers, func(lower string) bool { return lower == dir }), dir)
	}
	arguments := c.Arguments[1:]
	if len(arguments) == 0 {
		arguments = i.Config.Cmd
	}
	if c.Arguments = slices.Concat(i.Config.Entrypoint, arguments); len(c.Arguments) == 0 {
		return fmt.Errorf("%s doesn't say what to run: name a program", i.Name)
	}
	return nil
}

// child is inside, where the image's own files say who a user is. It obeys Env, WorkingDir and User.
func (i *image) child() error {
	if i.Name == "" {
		return nil
	}
	user, group, _ := strings.Cut(cmp.Or(i.Config.User, "0"), ":")
	uid, gid, home := user, "0", "/"
	if fields := lookup("/etc/passwd", user, 7); fields != nil {
		uid, gid, home = fields[2], fields[3], fields[5]
	}
	if fields := lookup("/etc/group", group, 4); fields != nil {
		group = fields[2]
	}
	u, errUser := strconv.ParseUint(uid, 10, 31)
	g, errGroup := strconv.ParseUint(cmp.Or(group, gid), 10, 31)
	switch {
	case errUser != nil || errGroup != nil:
		return fmt.Errorf("the image doesn't know the user %q, as whom it says it is to run", i.Config.User)
	case u+g != 0 && inUserNamespace():
		return fmt.Errorf("this user namespace has no user but 0, and the image is to run as %q (step 08 can)", i.Config.User)
	}
	i.process.Credential = &syscall.Credential{Uid: uint32(u), Gid: uint32(g), NoSetGroups: inUserNamespace()}
	path := os.Getenv("PATH")
	os.Clearenv() // it is the host's
	for _, variable := range append([]string{"PATH=" + path, "HOME=" + home}, i.Config.Env...) {
		key, value, _ := strings.Cut(variable, "=")
		os.Setenv(key, value)
	}
	dir := cmp.Or(i.Config.WorkingDir, "/")
	return errors.Join(os.MkdirAll(dir, 0o755), os.Chdir(dir))
}

// lookup finds a user or group, by name or by number: passwd(5), group(5).
func lookup(file, who string, length int) []string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == length && (fields[0] == who || fields[2] == who) {
			return fields
		}
	}
	return nil
}
