package guard

import (
	"cmp"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// The longest that a file and a function may be, in lines. These numbers only ever go down.
const (
	fileLinesMax     = 500
	functionLinesMax = 70
)

// length is how long something is.
type length struct {
	name  string
	lines int
}

func TestFilesStayShort(t *testing.T) {
	var all []length
	for _, f := range sources(t) {
		all = append(all, length{f.path, strings.Count(f.text, "\n")})
	}
	checkLengths(t, all, fileLinesMax)
}

func TestFunctionsStayShort(t *testing.T) {
	var all []length
	for _, f := range sources(t) {
		for _, decl := range f.file.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok {
				lines := f.fset.Position(d.End()).Line - f.line(d) + 1
				all = append(all, length{f.path + " " + d.Name.Name, lines})
			}
		}
	}
	checkLengths(t, all, functionLinesMax)
}

// checkLengths reports what is longer than max, and the longest of all so that it can be seen coming.
func checkLengths(t *testing.T, all []length, max int) {
	t.Helper()
	slices.SortFunc(all, func(a, b length) int { return cmp.Compare(b.lines, a.lines) })
	t.Logf("the longest: %s, %d of %d lines", all[0].name, all[0].lines, max)
	for _, l := range all {
		if l.lines > max {
			t.Errorf("%s has %d lines, at most %d: split it where it has two thoughts", l.name, l.lines, max)
		}
	}
}
