package e2e

import (
	"net/http"
	"os"
	"os/exec"
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

// TestTheReadmesGatewayAnswersInOneCommand runs the demonstration as the README shows it, on another port.
func TestTheReadmesGatewayAnswersInOneCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the binary; run without -short")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"\nforebay demo gateway ", "\ncurl http://127.0.0.1:8080/hello\n"} {
		if !strings.Contains(string(readme), command) {
			t.Errorf("the README lacks %q", command)
		}
	}
	help, err := exec.Command(binary, "demo", "gateway", "--help").Output()
	if err != nil || !strings.Contains(string(help), `(default "127.0.0.1:8080")`) {
		t.Errorf("forebay demo gateway --help: %v; it does not listen where the README says:\n%s", err, help)
	}

	folder, address := t.TempDir(), freeAddress(t)
	base := "http://" + address
	d := &daemon{t: t, path: binary, args: []string{"demo", "gateway", "--listen", address}, env: []string{"TMPDIR=" + folder},
		ready: (&trial{base: base}).ready}
	d.start()
	defer d.kill()
	for _, row := range []struct{ path, want string }{
		{"/hello", "GET /hello, visit 1. This backend listens nowhere.\n"},
		{"/count", "1\n2\n3\n4\n5\n"},
	} {
		if status, _, body := ask(t, http.MethodGet, base+row.path, ""); status != http.StatusOK || body != row.want {
			t.Errorf("GET %s: got %d %q, want 200 %q", row.path, status, body, row.want)
		}
	}
	status, header, body := ask(t, http.MethodGet, base+"/slow", "", "Prefer", "respond-async")
	if status != http.StatusAccepted {
		t.Fatalf("GET /slow, respond-async: got %d %v %q, want 202", status, header, body)
	}
	status, _, body = ask(t, http.MethodGet, base+header.Get("Location"), "", "Prefer", "wait=30")
	if want := "that took five seconds\n"; status != http.StatusOK || body != want {
		t.Errorf("GET its Location: got %d %q, want 200 %q", status, body, want)
	}

	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C it ended with %v:\n%s", err, d.output.tail(4000))
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v in the temporary folder, %v", left, err)
	}
}
