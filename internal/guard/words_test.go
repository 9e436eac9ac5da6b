package guard

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

func TestEveryPackageIsExplainedInExactlyOneFile(t *testing.T) {
	folders, byFolder := packages(sources(t))
	for _, folder := range folders {
		var code, explained []string
		for _, f := range byFolder[folder] {
			if f.tests {
				continue
			}
			code = append(code, f.path)
			if f.file.Doc != nil {
				explained = append(explained, f.path)
				checkPackageComment(t, f)
			}
		}
		if len(code) > 0 && len(explained) != 1 {
			t.Errorf("%s: %d files have a package comment, want one: %v", folder, len(explained), explained)
		}
	}
}

// checkPackageComment wants the form that go doc shows best.
func checkPackageComment(t *testing.T, f *source) {
	want := "Package " + f.file.Name.Name + " "
	if f.file.Name.Name == "main" {
		want = "Command "
	}
	if text := f.file.Doc.Text(); !strings.HasPrefix(text, want) {
		t.Errorf("%s: the package comment begins %q, want %q", f.path, firstWords(text), want)
	}
}

func firstWords(text string) string { return text[:min(len(text), 30)] }

func TestEveryExportedNameIsExplained(t *testing.T) {
	for _, f := range sources(t) {
		if f.tests {
			continue
		}
		for _, decl := range f.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil {
					t.Errorf("%s:%d: %s has no comment", f.path, f.line(d), d.Name.Name)
				}
			case *ast.GenDecl:
				checkSpecs(t, f, d)
			}
		}
	}
}

// exportedReceiver is true for functions and for the methods of exported types.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if ok && !exported {
			exported = id.IsExported()
			return false
		}
		return true
	})
	return exported
}

// checkSpecs wants a comment on each type, and on each constant and variable or on the group they are in.
func checkSpecs(t *testing.T, f *source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			alone := d.Doc != nil && !d.Lparen.IsValid()
			if s.Name.IsExported() && s.Doc == nil && !alone {
				t.Errorf("%s:%d: type %s has no comment", f.path, f.line(s), s.Name.Name)
			}
		case *ast.ValueSpec:
			if d.Tok != token.CONST && d.Tok != token.VAR || d.Doc != nil || s.Doc != nil || s.Comment != nil {
				continue
			}
			for _, name := range s.Names {
				if name.IsExported() {
					t.Errorf("%s:%d: %s has no comment", f.path, f.line(s), name.Name)
				}
			}
		}
	}
}
