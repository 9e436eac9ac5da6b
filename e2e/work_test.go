//go:build linux

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	workLease       = 10 * time.Second
	workOutstanding = 16 // messages sent and not deleted: as many as two agents have places, so that one that is back is asked for at once
)

// workHandler handles message n of the ledger: it writes down that it has begun, meets the fate that the message names if
// it is the first to have it, and writes down that it is done.
const workHandler = `
n=$(cat)
note() { echo "$1 $n $(date +%s%N) $FOREBAY_RECEIPT_HANDLE" >>ledger; }
note start
if mkdir "marks/$n" 2>/dev/null; then
  case $FOREBAY_ATTR_FATE in
    killed)   kill -KILL $$ ;;
    crashed)  exit 1 ;;
    stopped)  kill -STOP $$; exit 1 ;;
    starved)  head -c 300000000 /dev/zero | tail -c 250000000 >/dev/null || exit 9 ;;
    overtime) trap '' TERM; while :; do sleep 0.1; done ;;
    deserted) setsid sleep 1000 & (sleep 1000 &) ; kill -KILL $$ ;;
    chatty)   head -c 20000000 /dev/zero ;;
  esac
fi
note done
`

// workFates are what happens to messages, besides nothing; true is a fate that interrupts the handler.
var workFates = map[string]bool{
	"killed": true, "crashed": true, "stopped": true, "starved": true, "overtime": true, "deserted": true, "chatty": false,
}

// workshop is a server, a folder in which handlers write down what they do, and agents.
type workshop struct {
	t      *testing.T
	server *process
	arena  string
	url    string
	log    lockedBuffer
	seen   *witness
	fates  []string  // by message
	killed time.Time // when the second agent was
	down   time.Time // when the server was killed
	up     time.Time // when it was ready again
}

// agent is a running `forebay work`.
type agent struct {
	cmd    *exec.Cmd
	exited chan error
}

func (w *workshop) agent(name string) *agent {
	w.t.Helper()
	cmd := exec.Command(binary, "work", "--queue", "work", "--concurrency", "6", "--prefetch", "2", "--lease", workLease.String(),
		"--limit", "3s", "--hung", "1s", "--patience", "500ms", "--backoff", "1s", "--backoff-max", "1s", "--memory", "64MiB",
		"--output-limit", "100", "--", "sh", "-c", workHandler)
	cmd.Dir = w.arena
	cmd.Env = append(environment(), "FOREBAY_DATA="+w.server.folder, "FOREBAY_ENDPOINT="+w.seen.stand(w.t, name, w.server.address), "AGENT="+name)
	cmd.Stdout, cmd.Stderr = &w.log, &w.log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	a := &agent{cmd: cmd, exited: make(chan error, 1)}
	go func() { a.exited <- cmd.Wait() }()
	w.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return a
}

// end signals the agent and waits for its end.
func (a *agent) end(t *testing.T, s syscall.Signal) error {
	t.Helper()
	_ = a.cmd.Process.Signal(s)
	select {
	case err := <-a.exited:
		return err
	case <-time.After(patience):
		t.Fatalf("the agent did not end within %v of signal %v", patience, s)
		return nil
	}
}

// send sends all messages, never more than some ahead of the agents, over any restart of the server. Each send is
// repeated until it is acknowledged, with a client that does not repeat by itself; a doubled one would show as such.
func (w *workshop) send(ctx context.Context, client *sqs.Client, tick func(n int)) {
	for n := range w.fates {
		waitFor(w.t, fmt.Sprintf("fewer than %d messages outstanding at %d", workOutstanding, n), func() bool {
			return n-w.seen.deleted() < workOutstanding
		})
		tick(n)
		in := &sqs.SendMessageInput{QueueUrl: &w.url, MessageBody: aws.String(strconv.Itoa(n))}
		if w.fates[n] != "" {
			in.MessageAttributes = map[string]types.MessageAttributeValue{"fate": {DataType: aws.String("String"), StringValue: &w.fates[n]}}
		}
		if _, err := client.SendMessage(ctx, in); err != nil {
			w.t.Fatalf("send %d: %v", n, err)
		}
	}
}

// TestWorkLosesNothing runs two agents whose handlers are killed, stopped, starved and deserted at random, kills one of
// the agents and the server in the middle, and then reads what the server handed out how often, when, and why.
func TestWorkLosesNothing(t *testing.T) {
	w := &workshop{t: t, server: start(t), arena: t.TempDir(), seen: newWitness(), fates: make([]string, *workMessages)}
	if err := os.Mkdir(filepath.Join(w.arena, "marks"), 0o755); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(workFates))
	for n := range w.fates {
		if rand.IntN(4) == 0 {
			w.fates[n] = names[rand.IntN(len(names))]
		}
	}
	client := w.server.client()
	w.url = createQueue(t, client, "work", "VisibilityTimeout", "3600")
	first, second := w.agent("first"), w.agent("second")
	w.send(t.Context(), client, func(n int) {
		switch n {
		case len(w.fates) / 3:
			w.killed = time.Now()
			_ = second.end(t, syscall.SIGKILL)
			waitFor(t, "nothing of the killed agent is left", func() bool { return len(w.processes("AGENT=second")) == 0 })
			second = w.agent("third")
		case len(w.fates) * 2 / 3:
			w.down = time.Now()
			w.server.kill()
			w.server.start()
			w.up = time.Now()
		}
	})
	waitFor(t, "every message is deleted", func() bool { return w.seen.deleted() == len(w.fates) })
	tr := &tour{client: client}
	for _, name := range []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		waitFor(t, string(name)+" is 0", func() bool { return tr.attribute(t, w.url, name) == "0" })
	}
	for _, a := range []*agent{first, second} {
		if err := a.end(t, syscall.SIGTERM); err != nil {
			t.Errorf("an agent that was asked to end: %v", err)
		}
	}
	w.judge()
	if left := w.processes(""); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	if t.Failed() {
		t.Logf("the agents' last words:\n%s", w.log.tail(4000))
	}
}

// processes are those that work in the arena, with the text in their environment.
func (w *workshop) processes(with string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var found []string
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != w.arena {
			continue
		}
		environ, err := os.ReadFile(filepath.Join(filepath.Dir(link), "environ"))
		if err == nil && strings.Contains(string(environ), with) {
			found = append(found, filepath.Dir(link))
		}
	}
	return found
}
