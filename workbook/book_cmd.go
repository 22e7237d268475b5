package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"stave/workbook/book"
)

// bookCommand is for whoever writes the book; readers don't need it.
func bookCommand() *cobra.Command {
	var fix, record, pictures bool
	cmd := &cobra.Command{
		Use:    "book [PAGE...]",
		Short:  "Check the book, or fill in what it quotes",
		Hidden: true,
		Long: `Hold pages of the book (all of them, if none is named) against the repository: quoted code, transcripts, links.
With --fix the quotes are filled in, with --record the transcripts' outputs. With --pictures it is about the pictures:
each is drawn anew and compared, or with --fix put in its place.`,
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "write the quoted code after each marker")
	cmd.Flags().BoolVar(&record, "record", false, "run the transcripts, and write what came out where the page shows something else")
	cmd.Flags().BoolVar(&pictures, "pictures", false, "draw the pictures anew (building d2 for that takes some minutes)")
	cmd.MarkFlagsMutuallyExclusive("record", "fix")
	cmd.MarkFlagsMutuallyExclusive("record", "pictures")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := os.Stat(filepath.Join("docs", "README.md")); err != nil {
			return fmt.Errorf("run this in the top directory of the repository: %w", err)
		}
		a := author{book: book.Open("."), out: cmd.OutOrStdout()}
		var err error
		switch {
		case pictures:
			var wrong []book.Problem
			wrong, err = a.book.Draw(cmd.Context(), a.book.D2, fix)
			a.complain(wrong)
		case fix:
			err = a.each(args, a.rewrite(a.book.Fill))
		case record:
			err = a.each(args, a.rewrite(func(page string) (bool, []book.Problem, error) { return a.book.Record(cmd.Context(), page) }))
		default:
			err = a.check(cmd.Context(), args)
		}
		if err == nil && a.wrong > 0 {
			err = fmt.Errorf("wrong in %d places", a.wrong)
		}
		return err
	}
	return cmd
}

// author is whoever is told what is wrong.
type author struct {
	book  *book.Book
	out   io.Writer
	wrong int
}

func (a *author) complain(wrong []book.Problem) {
	for _, problem := range wrong {
		fmt.Fprintln(a.out, problem)
	}
	a.wrong += len(wrong)
}

// each does something with the pages named, or with all in docs.
func (a *author) each(pages []string, do func(page string) error) error {
	if len(pages) == 0 {
		var err error
		if pages, err = a.book.Pages(); err != nil {
			return err
		}
	}
	for _, page := range pages {
		if err := do(path.Clean(filepath.ToSlash(page))); err != nil {
			return err
		}
	}
	return nil
}

func (a *author) rewrite(do func(page string) (changed bool, wrong []book.Problem, err error)) func(page string) error {
	return func(page string) error {
		changed, wrong, err := do(page)
		if changed {
			fmt.Fprintf(a.out, "%s: written\n", page)
		}
		a.complain(wrong)
		return err
	}
}

func (a *author) check(ctx context.Context, pages []string) error {
	report := func(wrong []book.Problem, skipped []string, err error) error {
		for _, line := range skipped {
			fmt.Fprintln(a.out, line)
		}
		a.complain(wrong)
		return err
	}
	if len(pages) == 0 {
		return report(a.book.CheckAll(ctx))
	}
	return a.each(pages, func(page string) error { return report(a.book.Check(ctx, page)) })
}
