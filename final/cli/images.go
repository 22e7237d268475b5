package cli

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func imagesCommand(r *root) *cobra.Command {
	quiet := false
	c := &cobra.Command{
		Use:   "images",
		Short: "List the images in the store",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			e, err := r.open()
			if err != nil {
				return err
			}
			list, err := e.Images.Images()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
			if !quiet {
				fmt.Fprintln(w, "IMAGE\tID\tLAYERS\tCREATED\tSIZE")
			}
			for _, img := range list {
				id := img.ID.Encoded()[:12]
				if quiet {
					fmt.Fprintln(w, id)
					continue
				}
				name, created := img.Name, "-"
				if name == "" {
					name = "<none>"
				}
				if img.Created != nil {
					created = img.Created.UTC().Format(time.DateOnly)
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", name, id, len(img.Layers), created, humanBytes(img.Size))
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print IDs only")
	return c
}

// humanBytes is a size for people, in powers of a thousand as Docker prints them.
func humanBytes(n int64) string {
	value, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for value >= 1000 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.3g %s", value, units[unit])
}
