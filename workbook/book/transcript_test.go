package book

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"stave/internal/host"
	"stave/internal/script"
)

// pageOf makes a repository with one page, and returns its book.
func pageOf(t *testing.T, text string) *Book {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "docs", "page.md"), text)
	return Open(root)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// needShell skips where no session of root's can be started.
func needShell(t *testing.T) {
	t.Helper()
	script.Need(t, "exec:bash")
	if os.Geteuid() != 0 {
		script.Need(t, "userns")
	}
}

func block(lines ...string) string {
	return "```console\n" + strings.Join(lines, "\n") + "\n```\n"
}

// Each page is run; it is said what isn't as the page shows it.
func TestCheckTranscripts(t *testing.T) {
	needShell(t)
	for name, c := range map[string]struct {
		page string
		want []string
	}{
		"right": {page: block("$ echo one", "one")},
		"both kinds of output, in order": {
			page: block("$ echo one; echo two >&2; echo three", "one", "two", "three"),
		},
		"state that lasts": {
			page: block("$ mkdir dir; cd dir; x=1; (exit 3)", "$ echo $? $x ${PWD##*/}", "3 1 dir") + "\n" + block("$ sleep 0 &", "$ wait; echo $x", "1"),
		},
		"more than a line typed": {
			page: block("$ cat <<END", "> one", ">", "> two", "> END", "one", "", "two", "$ if true", "> then echo yes", "> fi", "yes"),
		},
		"what varies": {
			page: `<!-- vary="pid [0-9]+" -->` + "\n" + `<!-- run vary='"[a-z]+"' -->` + "\n" + block(`$ echo pid $$ '"abc"' 7`, `pid 1 "xyz" 7`),
		},
		"lines left out": {
			page: block("$ seq 9", "1", "…", "4", "5", "…", "9") + block("$ seq 3", "…") + block("$ true", "…"),
		},
		"the shell's own words": {
			page: block("$ cd nowhere", "bash: cd: nowhere: No such file or directory", "$ nobody", "bash: nobody: command not found", "$ sh -c 'kill -9 $$'", "Killed", "$ echo $?", "137"),
		},
		"a homely place": {
			page: block(`$ case $HOME$TMPDIR$XDG_RUNTIME_DIR$STAVE_ROOT in *$USERPROFILE/root/*) echo bad;; esac`, `$ id -u`, `0`, `$ ls docs`, `page.md`),
		},
		"another user": {
			page: block("$ id -u; touch file", "0") + "\n" + `<!-- run as="user" vary="[1-9][0-9]*" -->` + "\n" + block("$ id -u; ls file", "1000", "file"),
		},
		"a network of its own": { // on a machine's own, the loopback interface is up
			page: `<!-- network="own" -->` + "\n" + block("$ grep -c 127.0.0.1 /proc/net/fib_trie", "0"),
		},
		"no condition":                    {page: `<!-- run needs="exec:moon" -->` + "\n" + block("$ echo one", "two")},
		"no condition for the whole page": {page: `<!-- network="own" needs="exec:moon" -->` + "\n" + block("$ echo one", "two")},

		"a wrong line": {
			page: block("$ echo one", "two"),
			want: []string{`docs/page.md:3: "echo one": the page shows "two", but "one" came out`},
		},
		"a wrong line after others": {
			page: "Text.\n\n" + block("$ seq 3", "1", "2", "4"),
			want: []string{`docs/page.md:7: "seq 3": the page shows "4", but "3" came out`},
		},
		"too little": {
			page: block("$ seq 3", "1", "2"),
			want: []string{`docs/page.md:5: "seq 3": the page shows no more lines, but "3" came out`},
		},
		"too much": {
			page: block("$ seq 1", "1", "2"),
			want: []string{`docs/page.md:4: "seq 1": the page shows "2", but no more came out`},
		},
		"nothing shown": {
			page: block("$ echo one", "$ echo two", "two"),
			want: []string{`docs/page.md:3: "echo one": the page shows no more lines, but "one" came out`},
		},
		"a wrong exit code": {
			page: block("$ (exit 1)", "$ echo $?", "0"),
			want: []string{`docs/page.md:4: "echo $?": the page shows "0", but "1" came out`},
		},
		"a line that isn't among those left out": {
			page: block("$ seq 9", "…", "10", "…"),
			want: []string{`docs/page.md:4: "seq 9": the page shows "10", but no such lines came out after those before the …`},
		},
		"another end after lines left out": {
			page: block("$ seq 9", "1", "…", "8"),
			want: []string{`docs/page.md:5: "seq 9": the page shows "8", but "9" came out`},
		},
		"what varies in another way": {
			page: `<!-- run vary="[0-9]+" -->` + "\n" + block("$ echo seven", "7"),
			want: []string{`docs/page.md:4: "echo seven": the page shows "7", but "seven" came out`},
		},
		"the shell ended": {
			page: block("$ exit", "$ echo one", "one") + "\n" + block("$ echo two", "two"),
			want: []string{
				`docs/page.md:2: "exit" ended the shell of the transcripts, and printed until then: ""`,
				`docs/page.md:8: not run: before it, "exit" ended the shell of the transcripts`,
			},
		},
		"something left running": {
			page: block("$ sleep 1000 &"),
			want: []string{`docs/page.md: process PID (sleep 1000) was still running after the last transcript`},
		},
		"the same, well hidden": {
			page: block("$ env -i setsid -f sleep 1000"),
			want: []string{`docs/page.md: process PID (sleep 1000) was still running after the last transcript`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := pageOf(t, c.page)
			host.Watch(t, b.root)
			got, _ := checkPageTranscripts(t, b)
			if !slices.Equal(got, c.want) {
				t.Errorf("it is said:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

var pid = regexp.MustCompile(`process \d+`)

func checkPageTranscripts(t *testing.T, b *Book) (wrong, skipped []string) {
	t.Helper()
	p, err := b.readPage("docs/page.md")
	if err != nil {
		t.Fatal(err)
	}
	w := &problems{page: p.path}
	skipped, err = b.checkTranscripts(t.Context(), p, p.transcripts(w), w)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range w.list {
		wrong = append(wrong, pid.ReplaceAllString(problem.String(), "process PID"))
	}
	return wrong, skipped
}

// A page leaves the reader's clone as it was, but for what git is told to ignore.
func TestFilesLeftBehind(t *testing.T) {
	needShell(t)
	script.Need(t, "exec:git")
	b := pageOf(t, block("$ touch step notes file; mkdir empty; mkdir gone; rmdir gone"))
	write(t, filepath.Join(b.root, ".gitignore"), "/step\n")
	write(t, filepath.Join(b.root, "notes"), "the author's\n")
	if out, err := exec.Command("git", "init", "-q", b.root).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v: %s", err, out)
	}
	got, _ := checkPageTranscripts(t, b)
	const why = " is left behind: whoever types the next chapter, or this one again, does it in the same directory"
	if want := []string{"docs/page.md: empty/" + why, "docs/page.md: file" + why}; !slices.Equal(got, want) {
		t.Errorf("it is said %q, want %q", got, want)
	}
}

func TestCommandHangs(t *testing.T) {
	needShell(t)
	b := pageOf(t, block("$ echo one; sleep 1000", "one", "$ echo two", "two"))
	host.Watch(t, b.root)
	b.patience = 500 * time.Millisecond
	got, _ := checkPageTranscripts(t, b)
	want := []string{fmt.Sprintf("docs/page.md:2: %q did not return within %v, and printed until then: %q", "echo one; sleep 1000", host.Slow(b.patience), "one\n")}
	if !slices.Equal(got, want) {
		t.Errorf("it is said %q, want %q", got, want)
	}
}

func TestTranscriptIsSkipped(t *testing.T) {
	b := pageOf(t, `<!-- run needs="exec:moon" -->`+"\n"+block("$ echo one", "two"))
	wrong, skipped := checkPageTranscripts(t, b)
	if want := []string{"docs/page.md:2: not run: the program moon is not installed"}; len(wrong) > 0 || !slices.Equal(skipped, want) {
		t.Errorf("%q are wrong and %q skipped, want %q", wrong, skipped, want)
	}
}

func TestRecord(t *testing.T) {
	needShell(t)
	for name, c := range map[string]struct{ page, want string }{
		"what is right stays": {
			`<!-- run vary="[0-9]+" -->` + "\n" + block("$ echo $$", "1234", "$ seq 9", "…", "9"),
			`<!-- run vary="[0-9]+" -->` + "\n" + block("$ echo $$", "1234", "$ seq 9", "…", "9"),
		},
		"what is wrong doesn't": {
			"Before.\n\n" + block("$ echo one", "two", "$ seq 2", "$ true", "no", "$ echo end", "end") + "\nAfter.",
			"Before.\n\n" + block("$ echo one", "one", "$ seq 2", "1", "2", "$ true", "$ echo end", "end") + "\nAfter.",
		},
		"after more than a line typed": {
			block("$ cat <<END", "> one", "> END", "$ true"),
			block("$ cat <<END", "> one", "> END", "one", "$ true"),
		},
		"what can't be run stays": {
			`<!-- run needs="exec:moon" -->` + "\n" + block("$ echo one", "two"),
			`<!-- run needs="exec:moon" -->` + "\n" + block("$ echo one", "two"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := pageOf(t, c.page)
			changed, wrong, err := b.Record(t.Context(), "docs/page.md")
			if err != nil || len(wrong) > 0 || changed != (c.page != c.want) {
				t.Errorf("Record says %v, %v, %v", changed, wrong, err)
			}
			got, err := os.ReadFile(filepath.Join(b.root, "docs", "page.md"))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("the page becomes\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestRecordRefusesWhatLooksTyped(t *testing.T) {
	needShell(t)
	b := pageOf(t, block("$ echo '$ rm'"))
	changed, wrong, err := b.Record(t.Context(), "docs/page.md")
	if changed || err != nil || len(wrong) != 1 || !strings.Contains(wrong[0].Text, "look as if they were typed") {
		t.Errorf("Record says %v, %v, %v", changed, wrong, err)
	}
}

func TestMask(t *testing.T) {
	compile := func(list ...string) (vary []*regexp.Regexp) {
		for _, expression := range list {
			vary = append(vary, regexp.MustCompile(expression))
		}
		return vary
	}
	for _, c := range []struct {
		a, b string
		vary []*regexp.Regexp
		same bool
	}{
		{"pid 1", "pid 22", compile(`[0-9]+`), true},
		{"pid 1", "pid x", compile(`[0-9]+`), false},
		{"uts:[1] 2", "uts:[33] 4", compile(`[0-9]+`, `uts:\[\d+\]`), true},
		{"uts:[1] 2", "uts:[33] 4", compile(`uts:\[\d+\]`, `[0-9]+`), true},
		{"abc", "123", compile(`[a-z]+`, `[0-9]+`), false}, // each may vary, but not become the other
		{"1 a", "1 b", compile(``), false},
	} {
		if same := maskLine(c.a, c.vary) == maskLine(c.b, c.vary); same != c.same {
			t.Errorf("%q and %q are the same: %v, want %v", c.a, c.b, same, c.same)
		}
	}
}

// Where there is no go command, its substitute serves what was compiled before.
func TestSubstitute(t *testing.T) {
	needShell(t)
	bin, built, toolbox := t.TempDir(), t.TempDir(), t.TempDir()
	for _, name := range []string{"bash", "cp", "rm", "sh", "uname", "unshare"} { // all programs but go
		file, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(built, "steps_01-one"), "#!/bin/sh\necho one \"$@\"\nexit $2\n")
	if err := os.Chmod(filepath.Join(built, "steps_01-one"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(toolbox, "bin", "tool"), "a tool\n")
	b := pageOf(t, block(
		"$ go build -o step ./steps/01-one && ./step run 0", "one run 0",
		"$ go run ./steps/01-one run 3; echo $?", "one run 3", "exit status 3", "1",
		"$ go run ./toolbox rootfs && echo rootfs/*/*", "rootfs/bin/tool",
		"$ go build -o step ./steps/02-two", "go: ./steps/02-two is not among the programs in "+built+": this machine can't compile",
		"$ go env GOARCH", runtime.GOARCH,
		"$ go vet ./...", "go: go vet ./...: this machine can't compile",
	))
	t.Setenv("PATH", bin)
	t.Setenv("STAVE_BUILT", built)
	t.Setenv("STAVE_TOOLBOX", toolbox)
	if wrong, skipped := checkPageTranscripts(t, b); len(wrong)+len(skipped) > 0 {
		t.Errorf("wrong:\n%s\nskipped:\n%s", strings.Join(wrong, "\n"), strings.Join(skipped, "\n"))
	}
	t.Setenv("STAVE_BUILT", "")
	if _, skipped := checkPageTranscripts(t, b); len(skipped) != 1 {
		t.Errorf("without these programs %q are skipped", skipped)
	}
}
