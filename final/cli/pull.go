package cli

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"stave/final/engine"
	"stave/final/image"
	"stave/final/image/archive"
	"stave/final/image/registry"
)

func pullCommand(r *root) *cobra.Command {
	platform := ""
	c := &cobra.Command{
		Use:   "pull IMAGE",
		Short: "Bring an image from a registry",
		Long: `Bring an image from a registry into the store. Only what isn't there yet is moved; every blob is checked against its
digest and size while it comes.`,
		Args: cobra.ExactArgs(1),
		RunE: elsewhere(r, func(c *cobra.Command, e *engine.Engine, args []string) error {
			if args[0] == engine.Toolbox {
				return e.Prepare(c.Context(), args[0], nil)
			}
			o := registry.Options{Progress: report()}
			if platform != "" {
				p, err := image.ParsePlatform(platform)
				if err != nil {
					return fmt.Errorf("--platform %w", err)
				}
				o.Platform = p
			}
			img, err := registry.Pull(c.Context(), e.Images, args[0], o)
			if err == nil {
				fmt.Println(img.Digest)
			}
			return err
		}),
	}
	c.Flags().StringVar(&platform, "platform", "", "`os/arch[/variant]` to choose from an index (default: this machine's)")
	return c
}

func loadCommand(r *root) *cobra.Command {
	return &cobra.Command{
		Use:   "load [FILE]",
		Short: "Bring images from a file or standard input",
		Long:  `Bring images from a tar archive, as "docker save" or an OCI layout in a tar has them, compressed or not, into the store.`,
		Args:  cobra.MaximumNArgs(1),
		RunE: elsewhere(r, func(c *cobra.Command, e *engine.Engine, args []string) error {
			in := os.Stdin
			if len(args) == 1 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			list, err := archive.Load(c.Context(), e.Images, in, archive.Options{})
			for _, img := range list {
				name := img.Name
				if name == "" {
					name = img.ID.String()
				}
				fmt.Println("loaded", name)
			}
			return err
		}),
	}
}

func removeImageCommand(r *root) *cobra.Command {
	return &cobra.Command{
		Use:   "rmi IMAGE...",
		Short: "Remove images",
		Long:  `Take names from images. An image without a name goes, and what no other image shares with it. One that a container uses stays.`,
		Args:  cobra.MinimumNArgs(1),
		RunE: elsewhere(r, func(c *cobra.Command, e *engine.Engine, args []string) error {
			var errs []error
			for _, ref := range args {
				removed, err := e.Images.Remove(c.Context(), ref)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				if removed.Untagged != "" {
					fmt.Println("untagged", removed.Untagged)
				}
				for _, d := range removed.Deleted {
					fmt.Println("deleted", d)
				}
			}
			return errors.Join(errs...)
		}),
	}
}

// elsewhere makes a command that writes to the store. Where files belong to subordinate ids it runs again as root of a user namespace.
func elsewhere(r *root, do func(*cobra.Command, *engine.Engine, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		e, err := r.open()
		if err != nil {
			return err
		}
		if done, code, err := e.Enter(os.Args[1:]...); err != nil {
			return err
		} else if done && code != 0 {
			return exit(code)
		} else if done {
			return nil
		}
		return do(c, e, args)
	}
}

// report prints what happens to each blob: a line when it is there, and at a terminal how far it is.
func report() image.Progress {
	var mu sync.Mutex
	terminal := term.IsTerminal(2)
	return func(ev image.Event) {
		mu.Lock()
		defer mu.Unlock()
		id := ev.Digest.Encoded()[:12]
		switch ev.Status {
		case image.Complete:
			fmt.Fprintf(os.Stderr, "\r%s: complete %24s\n", id, humanBytes(ev.Total))
		case image.Present:
			fmt.Fprintf(os.Stderr, "\r%s: already here %20s\n", id, "")
		default:
			if terminal && ev.Total > 0 {
				fmt.Fprintf(os.Stderr, "\r%s: %s of %s   ", id, humanBytes(ev.Done), humanBytes(ev.Total))
			}
		}
	}
}
