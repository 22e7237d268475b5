package book

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stave/internal/host"
	"stave/internal/script"
)

// stave is the real book.
var stave = Open("../..")

// eachPage checks each page of it.
func eachPage(t *testing.T, check func(p *page, wrong *problems)) {
	t.Helper()
	names, err := stave.pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p, err := stave.readPage(name)
		if err != nil {
			t.Fatal(err)
		}
		w := &problems{page: name}
		check(p, w)
		for _, problem := range sorted(w.list) {
			t.Error(problem)
		}
	}
}

func TestBook(t *testing.T) {
	eachPage(t, stave.checkPage)
	pictures, err := stave.checkPictures()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range append(pictures, stave.checkReached()...) {
		t.Error(problem)
	}
}

func TestManual(t *testing.T) {
	script.Need(t, "exec:man")
	if !stave.hasManual() {
		script.Skip(t, "manual", "the pages of the manual aren't installed: on Debian, man-db, manpages and manpages-dev")
	}
	eachPage(t, stave.checkManual)
}

func TestSpecifications(t *testing.T) {
	script.Need(t, "source") // the go command finds their modules
	eachPage(t, stave.checkSpecifications)
}

// TestTranscripts runs what the pages show, as 04-cgroups/3: the third transcript of that page.
func TestTranscripts(t *testing.T) {
	if testing.Short() {
		return // TestCheckTranscripts has all there is of ours in it; the rest is other programs
	}
	script.Need(t, "exec:bash")
	names, err := stave.Pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p, err := stave.readPage(name)
		if err != nil {
			t.Fatal(err)
		}
		transcripts := p.transcripts(&problems{})
		if len(transcripts) == 0 || seenElsewhere(t, transcripts) {
			continue
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(name, "docs/"), ".md"), func(t *testing.T) {
			t.Parallel()
			runTranscripts(t, p, transcripts)
		})
	}
}

// seenElsewhere tells whether the transcripts of a page show here what they show on any machine. In the slow virtual machine, which is
// there for cgroup v2 and has no source, only pages that show something of that are run.
func seenElsewhere(t *testing.T, transcripts []transcript) bool {
	source, err := script.Holds("source")
	if err != nil {
		t.Fatal(err)
	}
	return !source && !slices.ContainsFunc(transcripts, func(t transcript) bool { return slices.Contains(t.needs, "cgroup2") })
}

func runTranscripts(t *testing.T, p *page, transcripts []transcript) {
	s, err := stave.newStage()
	if err != nil {
		t.Fatal(err)
	}
	watch := host.Watch(t, s.dir)
	defer func() {
		watch.DetachMounts()
		left, err := s.close()
		if err != nil {
			t.Error(err)
		}
		for _, words := range left {
			t.Errorf("%s: %s", p.path, words)
		}
	}()
	for i, transcript := range transcripts {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			if condition := transcript.lacking(); condition != "" {
				script.Skip(t, condition, script.Reason(condition))
			}
			w := &problems{page: p.path}
			s.perform(t.Context(), transcript, w)
			for _, problem := range w.list {
				t.Error(problem)
			}
		})
	}
}
