package guard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root       = "../.." // of the repository, seen from this package
	modulePath = "github.com/forebay-mq/forebay"
)

// source is one Go file of the repository.
type source struct {
	path  string // slash-separated, from the root
	text  string
	fset  *token.FileSet
	file  *ast.File
	tests bool // a _test.go file
}

// pkg is the folder of the file, from the root.
func (s *source) pkg() string { return path.Dir(s.path) }

// line is where n begins.
func (s *source) line(n ast.Node) int { return s.fset.Position(n.Pos()).Line }

// imports returns the paths that the file imports.
func (s *source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// selectors calls visit for every use of an exported name of an imported package, as in time.Now.
func (s *source) selectors(visit func(importPath, name string, at ast.Node)) {
	names := make(map[string]string) // in this file → import path
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		} else if strings.HasPrefix(name, "v") && path.Dir(p) != "." && len(name) == 2 {
			name = path.Base(path.Dir(p)) // math/rand/v2 is called rand
		}
		names[name] = p
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && names[id.Name] != "" {
			visit(names[id.Name], sel.Sel.Name, sel)
		}
		return true
	})
}

// sources parses all Go files of the repository that people write, in path order. Nested modules are left out,
// as `go test ./...` leaves them out.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	walk(t, func(p string) {
		if !strings.HasSuffix(p, ".go") {
			return
		}
		text := read(t, p)
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parse %s: %v", p, err)
		}
		if ast.IsGenerated(file) {
			return
		}
		all = append(all, &source{path: p, text: text, fset: fset, file: file, tests: strings.HasSuffix(p, "_test.go")})
	})
	if len(all) < 10 {
		t.Fatalf("only %d Go files found below %s", len(all), root)
	}
	return all
}

// packages groups the files by folder and returns the folders in order.
func packages(files []*source) (folders []string, byFolder map[string][]*source) {
	byFolder = make(map[string][]*source)
	for _, f := range files {
		byFolder[f.pkg()] = append(byFolder[f.pkg()], f)
	}
	for folder := range byFolder {
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	return folders, byFolder
}

// walk visits the files of the repository, by slash-separated path from the root. It leaves out hidden folders
// but .ci and .github, test data, what the Makefile builds, what package managers unpack, and nested modules.
func walk(t *testing.T, visit func(p string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		if !d.IsDir() {
			visit(rel)
			return nil
		}
		if rel == "." {
			return nil
		}
		name := d.Name()
		hidden := strings.HasPrefix(name, ".") && name != ".ci" && name != ".github"
		made := slices.Contains([]string{"testdata", "bin", "dist", "node_modules", "target", "forebay-data"}, name)
		_, nested := os.Stat(filepath.Join(p, "go.mod"))
		if hidden || made || nested == nil {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// read returns a file's text, by its path from the root.
func read(t *testing.T, p string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
