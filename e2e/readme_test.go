package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestTheReadmeBeginsWithCommandsThatWork runs what a stranger types first, with the built binary in the place of
// `go run`.
func TestTheReadmeBeginsWithCommandsThatWork(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	top := strings.Join(strings.SplitN(string(readme), "\n", 14)[:13], "\n")
	for _, command := range []string{
		"go run ./cmd/forebay serve",
		"go test ./...",
		"go run ./cmd/forebay send orders --create hello && go run ./cmd/forebay receive orders",
	} {
		if !strings.Contains(top, command) {
			t.Errorf("the first lines of the README lack %q", command)
		}
	}

	p := start(t)
	p.forebay("send", "orders", "--create", "hello")
	if got := p.forebay("receive", "orders"); got != "hello\n" {
		t.Errorf("forebay receive orders printed %q, want %q", got, "hello\n")
	}
}
