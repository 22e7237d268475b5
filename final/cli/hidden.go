package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"stave/final/image/layer"
)

// hiddenCommands are the ones this program calls itself by, as root of a user namespace.
func hiddenCommands(r *root) []*cobra.Command {
	return []*cobra.Command{
		{
			Use: "remove-tree DIR", Hidden: true, Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				below, err := filepath.Rel(r.dir, args[0])
				if err != nil || !filepath.IsLocal(below) || below == "." {
					return fmt.Errorf("%s is not below %s", args[0], r.dir)
				}
				return layer.Remove(args[0])
			},
		},
		{
			Use: "prepare IMAGE", Hidden: true, Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				e, err := r.open()
				if err != nil {
					return err
				}
				return e.Prepare(c.Context(), args[0], report())
			},
		},
	}
}
