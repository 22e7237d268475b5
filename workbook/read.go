package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"stave/workbook/book"
	"stave/workbook/terminal"
	"stave/workbook/work"
)

func readCommand() *cobra.Command {
	style := ""
	c := &cobra.Command{
		Use:   "read [NN|PAGE]",
		Short: "Read a chapter, or the one you are at",
		Long: `Show a chapter of the book in the terminal: 00 for what a container is, 01 to 09 for the steps, or one of the pages
glossary, setup, troubleshooting, teaching. It is paged by $PAGER, or less. Where the output is no terminal, it is plain text.`,
		Args: usage(cobra.MaximumNArgs(1)),
	}
	c.Flags().StringVar(&style, "style", "", "`colours`: dark or light, for the terminal's background, or plain")
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := here(c)
		if err != nil {
			return err
		}
		chapter, err := p.chapter(args)
		if err != nil {
			return err
		}
		text, err := book.Text(p.root, chapter)
		if err != nil {
			return err
		}
		if err := show(text, style); err != nil {
			return err
		}
		// Who can't write here can read all the same.
		_ = p.work.Change(func(progress *work.Progress) { progress.MarkRead(chapter) })
		return nil
	}
	return c
}

// chapter is the one that the arguments name, or the one of the current exercise.
func (p *place) chapter(args []string) (string, error) {
	if len(args) > 0 {
		if id, isExercise, err := canonical(args[0]); err == nil && !isExercise {
			return id, nil
		}
		return args[0], nil
	}
	progress, err := p.work.Progress()
	if err != nil {
		return "", err
	}
	if len(progress.Read) == 0 && progress.Last == "" {
		return "00", nil
	}
	if e, ok := p.current(progress); ok {
		return e.ID[:2], nil
	}
	return "", fmt.Errorf("you have passed all exercises: say which chapter you want to read, such as 01%w", errUsage)
}

// show pages Markdown, in colour where it can be.
func show(markdown, style string) error {
	s := terminal.Detect(os.Stdout)
	if style != "" {
		var err error
		if s, err = terminal.ParseStyle(style); err != nil {
			return fmt.Errorf("%w%w", err, errUsage)
		}
	}
	return terminal.Page(os.Stdout, terminal.Render(markdown, s, terminal.Columns(os.Stdout)))
}

// render turns Markdown into text for where this command writes.
func render(markdown string) string {
	return terminal.Render(markdown, terminal.Detect(os.Stdout), terminal.Columns(os.Stdout))
}
