package guard

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	quoted = regexp.MustCompile("`([^`\n]+)`")
	link   = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
)

// tops are the folders in the root that a document may name; a quoted path that begins with one must exist.
var tops = []string{"cmd", "worker", "internal", "docs", "e2e", "interop", "bench", "tools", "changelog", "examples", ".ci", ".github"}

func TestDocumentsNameOnlyWhatExists(t *testing.T) {
	walk(t, func(p string) {
		if !strings.HasSuffix(p, ".md") {
			return
		}
		text := read(t, p)
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			if named, ok := repositoryPath(m[1]); ok && !exists(named) {
				t.Errorf("%s names %s, which is not there", p, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if !exists(path.Join(path.Dir(p), target)) {
				t.Errorf("%s links to %s, which is not there", p, target)
			}
		}
	})
}

// repositoryPath says whether a quoted text is meant as a path of the repository, and which.
func repositoryPath(text string) (string, bool) {
	named := strings.TrimSuffix(strings.TrimPrefix(text, "./"), "/")
	if strings.ContainsAny(named, " *{}<>$…=:") || strings.Contains(named, "...") {
		return "", false
	}
	first, rest, _ := strings.Cut(named, "/")
	return named, rest != "" && slices.Contains(tops, first)
}

func exists(p string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(p)))
	return err == nil
}

// TestTheArchitectureNamesEveryPackage keeps the one page complete as well as true.
func TestTheArchitectureNamesEveryPackage(t *testing.T) {
	text := read(t, "docs/ARCHITECTURE.md")
	folders, _ := packages(sources(t))
	for _, folder := range folders {
		name := strings.TrimPrefix(folder, "internal/")
		if !strings.Contains(text, name) {
			t.Errorf("docs/ARCHITECTURE.md does not mention %s", folder)
		}
	}
}

func TestTheIndexOfDecisionsIsComplete(t *testing.T) {
	index := read(t, "docs/decisions/README.md")
	walk(t, func(p string) {
		name := path.Base(p)
		if path.Dir(p) == "docs/decisions" && name != "README.md" && strings.Count(index, "("+name+")") != 1 {
			t.Errorf("docs/decisions/README.md must list %s, once", name)
		}
	})
}

// testName matches the name of a test in a document.
var testName = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]*)`")

func TestDocumentsNameOnlyTestsThatExist(t *testing.T) {
	functions := make(map[string]bool)
	for _, f := range sources(t) {
		for _, decl := range f.file.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && f.tests {
				functions[d.Name.Name] = true
			}
		}
	}
	walk(t, func(p string) {
		if !strings.HasSuffix(p, ".md") {
			return
		}
		for _, m := range testName.FindAllStringSubmatch(read(t, p), -1) {
			if !functions[m[1]] {
				t.Errorf("%s names the test %s, which is not there", p, m[1])
			}
		}
	})
}

// stepOfCI matches a step of .ci/run, and its limit in minutes.
var stepOfCI = regexp.MustCompile(`(?m)^step \S+ (\d+) `)

func TestTheStepsOfCIStayWithinAnHour(t *testing.T) {
	steps := stepOfCI.FindAllStringSubmatch(read(t, ".ci/run"), -1)
	sum := 0
	for _, m := range steps {
		minutes, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += minutes
	}
	if len(steps) == 0 || sum > 60 {
		t.Errorf("the limits of the %d steps in .ci/run sum up to %d minutes, at most 60", len(steps), sum)
	}
}
