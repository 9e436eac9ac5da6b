package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"forebay": main, "aws": fakeAWS, "shop": shop})
}

// fakeAWS stands for the aws program of the user: it shows how it was called.
func fakeAWS() {
	if slices.Contains(os.Args, "--version") {
		fmt.Println("aws-cli/1.45.11 Python/3.12.3 Linux/6.8.0 botocore/1.43.11")
		return
	}
	fmt.Println("arguments:", strings.Join(os.Args[1:], " "))
	fmt.Println("endpoint:", os.Getenv("AWS_ENDPOINT_URL_SQS"), "key:", os.Getenv("AWS_ACCESS_KEY_ID"), "region:", os.Getenv("AWS_REGION"))
	if slices.Contains(os.Args, "fail") {
		os.Exit(254)
	}
}

// shop is a web server behind a backend. It writes its address into a file, and runs until it is killed.
func shop() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile("shop-address", []byte("http://"+listener.Addr().String()), 0o600); err != nil {
		panic(err)
	}
	notify("READY=1", slog.New(slog.DiscardHandler))
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/shop/broken" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "%s %s for %s", r.Method, r.URL, r.Host)
	})))
}

// readyTimeout bounds the wait for a server; it is long because nobody waits for it but a broken test.
const readyTimeout = 60 * time.Second

// socketKey is where a script keeps the socket on which a server says that it is ready.
type socketKey struct{}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			name := filepath.Join(env.WorkDir, "ready")
			socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
			if err != nil {
				return err
			}
			env.Defer(func() { socket.Close() })
			env.Values[socketKey{}] = socket
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer free.Close()
			env.Vars = append(env.Vars, "HOME="+filepath.Join(env.WorkDir, "no-home"), "FREE="+free.Addr().String(),
				"NOTIFY_SOCKET="+name, "FOREBAY_LISTEN=127.0.0.1:0", "FOREBAY_MEMORY_TABLE=4MiB", "FOREBAY_MEMORY_STORE=4MiB")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":     waitReady,
			"pooled":    waitPooled,
			"terminate": func(ts *testscript.TestScript, _ bool, _ []string) { signalServer(ts, terminate) },
			"hangup":    func(ts *testscript.TestScript, _ bool, _ []string) { signalServer(ts, hangup) },
			"capture":   capture,
		},
	})
}

// waitReady waits until the server of the script is ready, and sets ENDPOINT and ADDRESS to where it is. Its
// argument is the data folder; left out, it is forebay-data.
func waitReady(ts *testscript.TestScript, _ bool, args []string) {
	waitNotified(ts)
	folder := "forebay-data"
	if len(args) > 0 {
		folder = args[0]
	}
	endpoint := strings.TrimSpace(ts.ReadFile(filepath.Join(folder, "endpoint")))
	ts.Setenv("ENDPOINT", endpoint)
	ts.Setenv("ADDRESS", strings.TrimPrefix(endpoint, "http://"))
}

// waitNotified waits until what the script has started says that it is ready.
func waitNotified(ts *testscript.TestScript) {
	socket := ts.Value(socketKey{}).(*net.UnixConn)
	ts.Check(socket.SetReadDeadline(time.Now().Add(readyTimeout)))
	for {
		text := make([]byte, 64)
		n, err := socket.Read(text)
		ts.Check(err)
		if string(text[:n]) == "READY=1" {
			return
		}
	}
}

// waitPooled waits until the controller of pools of the script has made its first decision.
func waitPooled(ts *testscript.TestScript, _ bool, _ []string) {
	waitNotified(ts)
	journal := ts.MkAbs(filepath.Join("forebay-pools", "orders.decisions.jsonl"))
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); runtime.Gosched() {
		if info, err := os.Stat(journal); err == nil && info.Size() > 0 {
			return
		}
	}
	ts.Fatalf("the pool has decided nothing in %s", readyTimeout)
}

// signalServer sends a signal to the server of the script, as a service manager or a terminal does. (kill knows -INT alone.)
func signalServer(ts *testscript.TestScript, signal os.Signal) {
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(filepath.Join("forebay-data", "pid"))))
	ts.Check(err)
	process, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(process.Signal(signal))
}

// capture sets a variable to what was printed last: capture NAME stdout|stderr [PREFIX]. With a prefix it takes
// the word behind it.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: capture NAME stdout|stderr [PREFIX]")
	}
	text := ts.ReadFile(args[1])
	if len(args) > 2 {
		_, after, ok := strings.Cut(text, args[2])
		if !ok {
			ts.Fatalf("no %q in %q", args[2], text)
		}
		text = strings.Fields(after)[0]
	}
	ts.Setenv(args[0], strings.TrimSpace(text))
}
