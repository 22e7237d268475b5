package grade

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"stave/internal/host"
	"stave/internal/script"
	"stave/workbook/exercise"
)

// marker is in the command line of processes that attacks leave behind.
const marker = "stave-grade-test-left-behind"

// A siege is a repository, students, and what they are after.
type siege struct {
	*Grader
	dir      string
	victim   string
	listener net.Listener
}

func newSiege(t *testing.T) *siege {
	t.Helper()
	script.Need(t, "userns", "source")
	s := &siege{dir: t.TempDir()}
	host.Watch(t, s.dir)
	if err := os.Chmod(s.dir, 0o755); err != nil { // so that only the sandbox keeps students away
		t.Fatal(err)
	}
	if err := os.CopyFS(s.dir, os.DirFS("testdata/repository")); err != nil {
		t.Fatal(err)
	}
	s.write(t, "go.mod", []byte("module stave\n\ngo 1.26.0\n"))
	s.write(t, "go.sum", nil)
	s.write(t, "victim", []byte("secret"))
	s.victim = filepath.Join(s.dir, "victim")
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.listener.Close() })
	all, err := exercise.Discover(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Grader = &Grader{Root: s.dir, Exercises: all}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *siege) write(t *testing.T, name string, text []byte) {
	t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *siege) read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// attacker writes a student's work: an attack from testdata, and what it is to know.
func (s *siege) attacker(t *testing.T, attack, linkTarget string) string {
	t.Helper()
	for from, to := range map[string]string{"common": "main", attack: "attack"} {
		text, err := os.ReadFile("testdata/hostile/" + from + ".go")
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, "students/"+attack+"/01.1/"+to+".go", text)
	}
	victims := fmt.Sprintf("package main\n\nconst (\n\tvictim = %q\n\totherStudent = %q\n\tlistener = %q\n\tmarker = %q\n\tlinkTarget = %q\n)\n",
		s.victim, filepath.Join(s.dir, "students/good/01.1/main.go"), s.listener.Addr(), marker, linkTarget)
	s.write(t, "students/"+attack+"/01.1/victims.go", []byte(victims))
	return filepath.Join(s.dir, "students", attack)
}

// grade grades one student, and shows that nothing has come of whatever was tried.
func (s *siege) grade(t *testing.T, dir string, patience time.Duration) Mark {
	t.Helper()
	s.Patience = script.Slow(patience)
	student, err := s.Student(t.Context(), dir)
	if err != nil || student.Error != "" || len(student.Marks) != 1 {
		t.Fatalf("grading has failed: %+v, %v", student, err)
	}
	m := student.Marks[0]
	if strings.Contains(m.Explanation, "HARM") {
		t.Errorf("the attack has succeeded: %s", m.Explanation)
	}
	if i := strings.IndexFunc(m.Explanation, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the explanation has a control character: %q", m.Explanation[i:])
	}
	if got := s.read(t, "victim"); string(got) != "secret" {
		t.Errorf("the victim is now %q", got)
	}
	s.nobodyLeft(t)
	return m
}

// nobodyLeft looks for processes of an attack.
func (s *siege) nobodyLeft(t *testing.T) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range lines {
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(marker)) {
			t.Errorf("%s is still there: %q", file, line)
		}
	}
}

func TestAttacks(t *testing.T) {
	s := newSiege(t)
	const long, short = 40 * time.Second, 3 * time.Second
	for _, c := range []struct {
		attack, link string
		patience     time.Duration
		want         Outcome
		explanation  string // part of it
	}{
		{"files", "", long, Failed, "the attack is over"},
		{"kill", "", long, Failed, ""},
		{"look", "", long, Failed, "the attack is over"},
		{"root", "", long, Failed, "the attack is over"},
		{"forkbomb", "", short, TimedOut, ""},
		{"memory", "", long, Failed, ""},
		{"disk", "", long, Failed, "no space left on device"},
		{"hang", "", short, TimedOut, "has been killed"},
		{"spin", "", short, TimedOut, "has been killed"},
		{"daemon", "", long, Failed, marker},
		{"holdpipe", "", long, Failed, marker},
		{"escape", "", long, Failed, ""},
		{"flood", "", long, Failed, ""},
		{"zero", "", long, Failed, ""},
		{"pipe", "", short, TimedOut, ""},
		{"rewrite", "", long, Failed, "tried"},
		{"network", "", long, Failed, "the attack is over"},
		{"codes", "", long, Failed, ""},
		{"cgroups", "", long, Failed, "the attack is over"},
		{"world", "", long, Failed, ""},
		{"links", "/grade/check.txtar", long, Failed, ""},
		{"links", "/proc/self/fd/3", long, Failed, ""},
		{"links", "/proc/self/fd/7", long, Failed, ""},
		{"links", "/proc/self/mem", long, Failed, ""},
		{"links", "/tmp/world.json", long, Failed, ""},
		{"links", s.victim, long, Failed, ""},
	} {
		name := strings.Trim(c.attack+"-"+strings.ReplaceAll(c.link, "/", "_"), "-_")
		t.Run(name, func(t *testing.T) {
			m := s.grade(t, s.attacker(t, c.attack, c.link), c.patience)
			if m.Result != c.want || !strings.Contains(m.Explanation, c.explanation) {
				t.Errorf("%s, want %s with %q:\n%s", m.Result, c.want, c.explanation, m.Explanation)
			}
			t.Logf("%s after %.1f s:\n%s", m.Result, m.Seconds, m.Explanation)
		})
	}
	t.Run("and then a good answer", func(t *testing.T) {
		if m := s.grade(t, filepath.Join(s.dir, "students", "good"), long); m.Result != Passed {
			t.Errorf("%s: %s", m.Result, m.Explanation)
		}
	})
}

// What isn't a regular Go file in the student's own directory is not taken, and what doesn't compile isn't run.
func TestSubmissions(t *testing.T) {
	s := newSiege(t)
	good := string(s.read(t, "students/good/01.1/main.go"))
	for name, c := range map[string]struct {
		prepare     func(dir string) error
		want        Outcome
		explanation string
	}{
		"nothing":      {func(string) error { return nil }, Missing, ""},
		"empty":        {func(dir string) error { return os.Mkdir(dir+"/01.1", 0o755) }, Unbuildable, "no Go files"},
		"link to file": {put("main.go", good, func(dir string) error { return os.Symlink(s.victim, dir+"/01.1/x.go") }), Unbuildable, "x.go is a symbolic link"},
		"link to dir":  {func(dir string) error { return os.Symlink(filepath.Join(s.dir, "students/good/01.1"), dir+"/01.1") }, Unbuildable, "01.1 is a symbolic link"},
		"pipe":         {put("main.go", good, func(dir string) error { return mkfifo(dir + "/01.1/x.go") }), Unbuildable, "x.go is a named pipe"},
		"directory":    {put("main.go", good, func(dir string) error { return os.Mkdir(dir+"/01.1/x.go", 0o755) }), Unbuildable, "x.go is a directory"},
		"file as dir":  {func(dir string) error { return os.WriteFile(dir+"/01.1", nil, 0o644) }, Unbuildable, "01.1 is a file"},
		"huge":         {put("main.go", good+strings.Repeat("// x\n", mostBytes/4), nil), Unbuildable, "more than"},
		"many":         {put("main.go", good, many), Unbuildable, "more than"},
		"broken":       {put("main.go", "package main\n\nfunc main() { undefined() }\n", nil), Unbuildable, "undefined: undefined"},
		"cgo":          {put("main.go", "package main\n\n// int x;\nimport \"C\"\n\nfunc main() {}\n", nil), Unbuildable, ""},
		"embed":        {put("main.go", "package main\n\nimport _ \"embed\"\n\n//go:embed ../../../../victim\nvar s string\n\nfunc main() { println(s) }\n", nil), Unbuildable, "invalid pattern"},
		"embed module": {put("main.go", "package main\n\nimport _ \"embed\"\n\n//go:embed victim\nvar s string\n\nfunc main() { println(s) }\n", func(dir string) error { return os.Symlink(s.victim, dir+"/01.1/victim") }), Unbuildable, "no matching files"},
		"large binary": {put("main.go", "package main\n\nvar x = [1 << 29]byte{1}\n\nfunc main() { println(x[0]) }\n", nil), Unbuildable, ""},
		"directives": {put("main.go", "//go:generate touch "+s.victim+"\n\n"+good, func(dir string) error {
			return os.WriteFile(dir+"/01.1/go.mod", []byte("module x\ntoolchain go9.9\n"), 0o644)
		}), Passed, ""},
		"assembly": {put("main.go", "package main\n\nfunc f()\n\nfunc main() { f() }\n", func(dir string) error {
			return os.WriteFile(dir+"/01.1/f.s", []byte("TEXT ·f(SB),4,$0\nRET\n"), 0o644)
		}), Unbuildable, "missing function body"},
		"foreign": {put("main.go", "package main\n\nimport \"stave/workbook/grade\"\n\nfunc main() { grade.Main() }\n", nil), Unbuildable, "stave/workbook/grade"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "student")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := c.prepare(dir); err != nil {
				t.Fatal(err)
			}
			m := s.grade(t, dir, 30*time.Second)
			if m.Result != c.want || !strings.Contains(m.Explanation, c.explanation) {
				t.Errorf("%s, want %s with %q:\n%s", m.Result, c.want, c.explanation, m.Explanation)
			}
			if strings.Contains(m.Explanation, "secret") {
				t.Errorf("the secret is out: %s", m.Explanation)
			}
			t.Logf("%s after %.1f s: %s", m.Result, m.Seconds, m.Explanation)
		})
	}
}

// put writes a file into exercise 01.1 and does what else there is to do.
func put(name, text string, more func(dir string) error) func(dir string) error {
	return func(dir string) error {
		if err := os.Mkdir(filepath.Join(dir, "01.1"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "01.1", name), []byte(text), 0o644); err != nil || more == nil {
			return err
		}
		return more(dir)
	}
}

func many(dir string) error {
	for i := range mostFiles {
		if err := os.WriteFile(fmt.Sprintf("%s/01.1/x%d.go", dir, i), []byte("package main\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func mkfifo(name string) error { return unix.Mkfifo(name, 0o644) }
