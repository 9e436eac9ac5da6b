package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/server"
)

// serveForTest starts a server with keys in a folder of its own, and points the environment at it.
func serveForTest(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	s, err := server.Start(t.Context(), server.Options{Data: data, Listener: listener, MemTableBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	clearEnvironment(t)
	t.Setenv("FOREBAY_DATA", data)
	t.Setenv("FOREBAY_ENDPOINT", "http://"+listener.Addr().String())
}

// clearEnvironment hides what the machine that runs the tests says about servers and keys.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"FOREBAY_ENDPOINT", "FOREBAY_DATA", "FOREBAY_REGION", "FOREBAY_CONFIG", "FOREBAY_LISTEN", "FOREBAY_ACCESS_KEY_ID",
		"FOREBAY_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "STATE_DIRECTORY", "NOTIFY_SOCKET",
		"FOREBAY_CONTEXT", "FOREBAY_CA_FILE", "FOREBAY_CONTROLLER", "FOREBAY_GATEWAY_CONFIG", "AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "HTTP_PROXY", "HTTPS_PROXY", "XDG_STATE_HOME", "XDG_CONFIG_HOME",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir()) // servers that run and contexts of the user are not for tests
}

// command runs a command line whose words have no spaces.
func command(line string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), strings.Fields(line), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// Every failure that a user can run into says what happened, and what to do about it.
func TestFailures(t *testing.T) {
	serveForTest(t)
	for _, line := range []string{
		"queues create orders", "queues create gone", "queues delete gone --yes", "send orders a b", "queues create purged",
		"queues purge purged --yes", "keys create web",
	} {
		if code, _, errs := command(line); code != exitOK {
			t.Fatalf("forebay %s = %d: %s", line, code, errs)
		}
	}
	for _, tt := range []struct {
		name, line string
		code       int
		want       string // of the message
		hint       string // the command or setting that helps
	}{
		{"a command that does not exist", "sedn orders", exitUsage, `unknown command "forebay sedn"`, `"forebay send"`},
		{"a subcommand that does not exist", "queues lsit", exitUsage, `unknown command`, `"forebay queues list"`},
		{"a flag that does not exist", "receive orders --wiat 1s", exitUsage, `unknown flag "--wiat"`, `"--wait"`},
		{"a missing argument", "receive", exitUsage, "needs more arguments", "Usage:  forebay receive QUEUE"},
		{"an argument too many", "version 2", exitUsage, `takes no argument "2"`, "Usage:"},
		{"a format that does not exist", "queues -o yaml", exitUsage, `"yaml" is not one of`, "table, json, jsonl, name"},
		{"a misspelt queue", "receive orderz", exitNotFound, `no queue named "orderz"`, `Did you mean "orders"?`},
		{"a queue that does not exist", "receive nothing-like-it", exitNotFound, "no queue named", "forebay queues create nothing-like-it"},
		{"a misspelt queue for peek", "peek orderz", exitNotFound, `no queue named "orderz"`, `Did you mean "orders"?`},
		{"a misspelt dead-letter queue", "queues create x --dead-letter orderz", exitNotFound, `no queue named "orderz"`, `"orders"`},
		{"a queue that exists otherwise", "queues create orders delay=5s", exitConflict, "already exists", ""},
		{"a queue deleted a moment ago", "queues create gone", exitConflict, "60 seconds", ""},
		{"a queue purged a moment ago", "queues purge purged --yes", exitConflict, "60 seconds", ""},
		{"a queue name with a slash", "queues create a/b", exitUsage, "", ""},
		{"an attribute that does not exist", "queues set orders visibilty_timeout=1s", exitUsage, "unknown queue attribute", `"visibility_timeout"`},
		{"an attribute without a value", "queues set orders delay", exitUsage, "is not NAME=VALUE", "visibility_timeout=45s"},
		{"an attribute beyond its limit", "queues set orders visibility_timeout=13h", exitUsage, "VisibilityTimeout", ""},
		{"nothing to set", "queues set orders", exitUsage, "nothing to set", "forebay queues set orders visibility_timeout=45s"},
		{"a purge with nobody to ask", "queues purge orders", exitUsage, "deletes 2 messages", "forebay queues purge orders --yes"},
		{"a deletion with nobody to ask", "queues delete orders", exitUsage, "queue orders and its 2 messages", "forebay queues delete orders --yes"},
		{"a handle that is none", "delete orders x", exitUsage, "handle 1 was refused", "forebay receive orders"},
		{"no message in time", "receive purged --expect", exitEmpty, "no message in purged", ""},
		{"a wait beyond the limit", "receive orders --wait 25s", exitUsage, "above the SQS limit of 20s", "--wait"},
		{"too many messages", "receive orders --max 11", exitUsage, "between 1 and 10", "--max"},
		{"a visibility of nothing", "receive orders --visibility 0s", exitUsage, "1s to 12h", "--visibility"},
		{"raw and base64 at once", "receive orders --raw --base64", exitUsage, "only one of them", ""},
		{"a delay beyond the limit", "send orders --delay 1h x", exitUsage, "up to 15m", "--delay"},
		{"messages given twice", "send orders --file x y", exitUsage, "only one of them", "--file"},
		{"a file that does not exist", "send orders --file /does/not/exist", exitNotFound, "there is no file", ""},
		{"one deduplication id for many", "send orders --dedup-id 1 a b", exitUsage, "for one message", "--dedup-id"},
		{"a FIFO queue without a group", "send orders.fifo --create x", exitUsage, "MessageGroupId", ""},
		{"nobody there", "queues --endpoint http://127.0.0.1:1", exitUnreachable, "no server answers at http://127.0.0.1:1", "forebay serve --listen 127.0.0.1:1"},
		{"nobody there for a peek", "peek orders --endpoint http://127.0.0.1:1", exitUnreachable, "no server answers", "--endpoint URL"},
		{"nobody there for a backup", "backup /x/y --endpoint http://127.0.0.1:1", exitUnreachable, "no server answers", "forebay backup --offline"},
		{"an endpoint that is none", "queues --endpoint localhost", exitUsage, "is no endpoint", "http://127.0.0.1:4566"},
		{"no key for a server elsewhere", "queues --data /none --endpoint http://192.0.2.1", exitDenied, "no credentials for", "AWS_ACCESS_KEY_ID"},
		{"a key that does not exist", "keys disable nobody", exitNotFound, `no key named "nobody"`, "forebay keys"},
		{"a key that exists", "keys create web", exitConflict, `a key named "web"`, "forebay keys delete web"},
		{"the root key", "keys delete root --yes", exitUsage, "root key", ""},
		{"no keys file", "keys --data /none", exitNotFound, "there are no keys", "forebay serve"},
		{"a backup that does not exist", "restore /none --data /none/data", exitNotFound, "there is no backup", ""},
		{"a shell that does not exist", "env --shell tcsh", exitUsage, `"tcsh" is not one of`, "powershell"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := command(tt.line)
			if code != tt.code || !strings.Contains(errs, "error: ") || !strings.Contains(errs, tt.want) || !strings.Contains(errs, tt.hint) {
				t.Errorf("forebay %s = %d\n%s%swant %d, an error with %q and the advice %q", tt.line, code, out, errs, tt.code, tt.want, tt.hint)
			}
		})
	}
}

// A wrong key is told from a wrong secret by the server; both lead to env.
func TestRefusedCredentials(t *testing.T) {
	serveForTest(t)
	t.Setenv("FOREBAY_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("FOREBAY_SECRET_ACCESS_KEY", "wrong")
	for _, line := range []string{"queues", "send orders x", "peek orders", "backup /x/y"} {
		code, _, errs := command(line)
		if code != exitDenied || !strings.HasPrefix(errs, "error: ") {
			t.Errorf("forebay %s with an unknown key = %d %q, want %d", line, code, errs, exitDenied)
		}
	}
	if _, _, errs := command("queues"); !strings.Contains(errs, `eval "$(forebay env)"`) {
		t.Errorf("the error does not name forebay env:\n%s", errs)
	}
}

func TestEveryExitCodeIsDocumented(t *testing.T) {
	_, page, _ := command("help exit-codes")
	for _, code := range []string{"  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "  5  ", "  6  ", "  7  ", "130  "} {
		if !strings.Contains(page, code) {
			t.Errorf("exit code %q is missing in:\n%s", code, page)
		}
	}
}

func TestAnInterruptedCommandSaysSo(t *testing.T) {
	serveForTest(t)
	command("queues create orders")
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var errs bytes.Buffer
	code := run(ctx, []string{"receive", "orders", "--wait", "20s"}, strings.NewReader(""), &bytes.Buffer{}, &errs)
	if code != exitInterrupted || errs.String() != "error: interrupted\n" {
		t.Errorf("an interrupted receive = %d %q, want %d", code, &errs, exitInterrupted)
	}
}
