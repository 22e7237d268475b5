package script

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A skip that isn't counted would hide. This finds the calls of testing's own Skip, Skipf and SkipNow anywhere in Stave.
func TestSkipsAreCounted(t *testing.T) {
	Need(t, "source")
	top := filepath.Join("..", "..")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == filepath.Join(top, "internal", "script") {
			return nil
		}
		for _, call := range bareSkips(t, path, nil) {
			t.Errorf("%s: this skip isn't counted: use script.Need, or script.Skip", call)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bareSkips returns where a file calls a method that skips, on anything but package script.
func bareSkips(t *testing.T, name string, source any) []token.Position {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var calls []token.Position
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch method.Sel.Name {
		case "Skip", "Skipf", "SkipNow":
			if on, ok := method.X.(*ast.Ident); !ok || on.Name != "script" {
				calls = append(calls, files.Position(call.Pos()))
			}
		}
		return true
	})
	return calls
}

func TestBareSkips(t *testing.T) {
	const source = `package p
func f(t *testing.T) {
	script.Skip(t, "root", "because")
	t.Log("skipping")
	t.Skip("quietly")
	t.SkipNow()
	s.t.Skipf("%d", 1)
}`
	if got := bareSkips(t, "p_test.go", source); len(got) != 3 || got[0].Line != 5 {
		t.Errorf("bare skips found: %v", got)
	}
}
