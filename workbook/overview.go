package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

// overview says where the learner is and what is next.
func overview(c *cobra.Command, _ []string) error {
	p, err := here(c)
	if err != nil {
		return err
	}
	progress, err := p.work.Progress()
	if err != nil {
		return err
	}
	passed := 0
	for _, e := range p.all {
		if progress.Passed(e.ID) {
			passed++
		}
	}
	if progress.Last == "" && len(progress.Read) == 0 {
		p.welcome()
		return nil
	}
	p.printf("You have passed %d of %d exercises.\n", passed, len(p.all))
	p.sayNext(progress)
	p.printf("\n\"%s progress\" shows all of them, and \"%s --help\" all commands.\n", p.self, p.self)
	return nil
}

func (p *place) welcome() {
	p.printf("Welcome. Here you learn how containers work by building them: a chapter, a small program and some\n" +
		"exercises for each thing that the kernel has for it. This is how to begin:\n\n")
	p.suggest("doctor", "what this machine can do")
	p.suggest("read 00", "what a container is")
	p.suggest("read 01", "the first step")
	if len(p.all) > 0 {
		p.suggest("start "+p.all[0].ID, "its first exercise")
	}
	p.printf("\nCome back to \"%s\" whenever you want to know what is next.\n", p.self)
}

// suggest prints a command and what it is for.
func (p *place) suggest(command, purpose string) {
	const wide = 14
	p.printf("%s\n", strings.TrimRight(fmt.Sprintf("    %s %-*s  %s", p.self, wide, command, purpose), " "))
}

// sayNext says what the current exercise is, and what to type.
func (p *place) sayNext(progress *work.Progress) {
	e, ok := p.current(progress)
	if !ok {
		p.printf("\nThat is all of them. What you have built, final/ does in earnest: go run ./final run --explain toolbox true\n")
		return
	}
	if p.work.Started(e.ID) {
		p.printf("\nYou are at %s. Your copy is in %s.\n\n", title(e), work.Dir(e.ID))
		p.suggest("check "+e.ID, "does it do what it should?")
		p.suggest("hint "+e.ID, "help, a little more each time")
		return
	}
	p.printf("\nNext is %s.\n\n", title(e))
	if chapter := e.ID[:2]; !p.begun(chapter, progress) {
		p.suggest("read "+chapter, "the chapter that goes before it")
	}
	p.suggest("start "+e.ID, "copies the step for you to change")
}

// begun reports whether the learner has read a chapter, or begun with its exercises.
func (p *place) begun(chapter string, progress *work.Progress) bool {
	return slices.Contains(progress.Read, chapter) || slices.ContainsFunc(p.all, func(e exercise.Exercise) bool {
		return e.ID[:2] == chapter && (p.work.Started(e.ID) || progress.Passed(e.ID))
	})
}
