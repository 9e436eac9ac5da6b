package guard

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// impure are the standard packages that would let a pure package reach the world: the disk, the network, or
// what differs from run to run.
var impure = []string{
	"os", "io/fs", "io/ioutil", "path/filepath", "net/http", "net", "syscall", "os/exec", "os/signal",
	"log", "log/slog", "runtime", "runtime/debug", "unsafe", "plugin", "database/sql", "embed", "flag",
	"crypto/rand", "math/rand",
}

// clocks are the functions of package time that read the clock or wait for it.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// ownSources are the functions of math/rand/v2 that make a source of one's own; all others use the global one.
var ownSources = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

// pure are the packages that are told the time and reach nothing: the core, and the policies, which must decide alike
// live and simulated.
var pure = []string{"internal/queue", "internal/pool/policy"}

func TestTheCoreReachesNothingOutsideItself(t *testing.T) {
	for _, f := range sources(t) {
		if !slices.Contains(pure, f.pkg()) || f.tests {
			continue
		}
		for _, p := range f.imports() {
			if slices.Contains(impure, p) {
				t.Errorf("%s imports %s: the core does no I/O and has no chance of its own", f.path, p)
			}
		}
		f.selectors(func(p, name string, at ast.Node) {
			switch {
			case p == "time" && slices.Contains(clocks, name):
				t.Errorf("%s:%d uses time.%s: time is an argument", f.path, f.line(at), name)
			case p == "math/rand/v2" && !slices.Contains(ownSources, name):
				t.Errorf("%s:%d uses rand.%s: chance comes from the seeded source", f.path, f.line(at), name)
			}
		})
		ast.Inspect(f.file, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s:%d starts a goroutine: one call decides, and returns", f.path, f.line(n))
			}
			return true
		})
	}
}

// realTime are the test files that may sleep: they work with file systems of the machine, which no virtual clock
// reaches.
var realTime = []string{"internal/pebblestore/root_test.go"}

func TestTestsDoNotSleepForReal(t *testing.T) {
	for _, f := range sources(t) {
		if !f.tests || f.pkg() == "e2e" || slices.Contains(realTime, f.path) {
			continue
		}
		virtual := slices.ContainsFunc(f.imports(), func(p string) bool {
			return p == "testing/synctest" || strings.HasSuffix(p, "/internal/testkit")
		})
		f.selectors(func(p, name string, at ast.Node) {
			if p == "time" && name == "Sleep" && !virtual {
				t.Errorf("%s:%d sleeps outside virtual time: use testing/synctest, or wait for an event", f.path, f.line(at))
			}
		})
	}
}
