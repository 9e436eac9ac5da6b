package guard

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goMod is what `go mod edit -json` tells.
type goMod struct {
	Replace []any
	Require []struct {
		Path     string
		Indirect bool
	}
}

// command runs the go command in the root and returns what it prints.
func command(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

func readGoMod(t *testing.T) goMod {
	t.Helper()
	var mod goMod
	if err := json.Unmarshal(command(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	return mod
}

func TestTheModuleCanBeInstalledByPath(t *testing.T) {
	if n := len(readGoMod(t).Replace); n > 0 {
		t.Errorf("go.mod has %d replace directives, want none: with one, `go install` of the module fails", n)
	}
}

func TestEveryDirectDependencyIsADecision(t *testing.T) {
	var decisions strings.Builder
	walk(t, func(p string) {
		if strings.HasPrefix(p, "docs/decisions/") {
			decisions.WriteString(read(t, p))
		}
	})
	for _, r := range readGoMod(t).Require {
		if !r.Indirect && !strings.Contains(decisions.String(), r.Path) {
			t.Errorf("%s is in go.mod, but no page of docs/decisions says why", r.Path)
		}
	}
}

// copyleft matches licences that would bind everybody who serves or links Forebay. The MPL binds only its own
// files, and only tests use such a module.
var copyleft = regexp.MustCompile(`(?i)GNU (AFFERO|LESSER|LIBRARY)? ?GENERAL PUBLIC LICENSE|SERVER SIDE PUBLIC LICENSE|BUSINESS SOURCE LICENSE`)

// licenceName matches the names that licences are kept under.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)

func TestEveryModuleHasALicenceThatLetsPeopleUseForebay(t *testing.T) {
	format := "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}"
	lines := strings.Fields(string(command(t, "list", "-deps", "-test", "-f", format, "./...")))
	if len(lines) == 0 {
		t.Fatal("no modules found")
	}
	seen := make(map[string]bool)
	for pair := range slices.Chunk(lines, 2) {
		module, dir := pair[0], pair[1]
		if seen[module] {
			continue
		}
		seen[module] = true
		checkLicence(t, module, dir)
	}
}

func checkLicence(t *testing.T, module, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, entry := range entries {
		if entry.IsDir() || !licenceName.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found = true
		if name := copyleft.Find(text[:min(len(text), 500)]); name != nil {
			t.Errorf("%s is under the %s (%s)", module, name, entry.Name())
		}
	}
	if !found {
		t.Errorf("%s has no licence file", module)
	}
}
