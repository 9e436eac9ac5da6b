//go:build linux

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	workLease       = 10 * time.Second
	workOutstanding = 40                      // messages sent and not done; more would wait for a free handler, and hide how late they come
	workOvertime    = 3500 * time.Millisecond // the time limit of a handler and the patience with one that overruns it
)

// workHandler handles message n of the ledger: it writes down that it has begun, meets the fate that the message names if
// it is the first to have it, and writes down that it is done.
const workHandler = `
n=$(cat)
note() { echo "$1 $n $AGENT $(date +%s%N) $FOREBAY_MESSAGE_ID" >>ledger; }
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
	fates  []string  // by message
	down   time.Time // when the server was killed
	done   atomic.Int64
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
	cmd.Env = append(environment(), "FOREBAY_DATA="+w.server.folder, "FOREBAY_ENDPOINT=http://"+w.server.address, "AGENT="+name)
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

// note is a line of the ledger.
type note struct {
	word, agent string
	id          string // of the message
	n           int
	at          time.Time
}

func (w *workshop) ledger() []note {
	file, err := os.Open(filepath.Join(w.arena, "ledger"))
	if err != nil {
		return nil
	}
	defer file.Close()
	var notes []note
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 5 {
			w.t.Errorf("the ledger has the line %q", lines.Text())
			continue
		}
		n, _ := strconv.Atoi(fields[1])
		nanos, _ := strconv.ParseInt(fields[3], 10, 64)
		notes = append(notes, note{fields[0], fields[2], fields[4], n, time.Unix(0, nanos)})
	}
	return notes
}

// finished counts the messages that were done.
func (w *workshop) finished() int {
	seen := make(map[int]bool)
	for _, note := range w.ledger() {
		if note.word == "done" {
			seen[note.n] = true
		}
	}
	w.done.Store(int64(len(seen)))
	return len(seen)
}

// send sends all messages, never more than some ahead of the handlers, over any restart of the server. Each send is
// repeated until it is acknowledged, with a client that does not repeat by itself; a doubled one would show as such.
func (w *workshop) send(ctx context.Context, client *sqs.Client, tick func(n int)) {
	for n := range w.fates {
		waitFor(w.t, fmt.Sprintf("fewer than %d messages outstanding at %d", workOutstanding, n), func() bool {
			return n-int(w.done.Load()) < workOutstanding || n-w.finished() < workOutstanding
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
// the agents and the server in the middle, and then reads in the ledger what was handled how often, and when.
func TestWorkLosesNothing(t *testing.T) {
	w := &workshop{t: t, server: start(t), arena: t.TempDir(), fates: make([]string, *workMessages)}
	if err := os.Mkdir(filepath.Join(w.arena, "marks"), 0o755); err != nil {
		t.Fatal(err)
	}
	names := []string{"killed", "crashed", "stopped", "starved", "overtime", "deserted", "chatty"}
	for n := range w.fates {
		if rand.IntN(4) == 0 {
			w.fates[n] = names[rand.IntN(len(names))]
		}
	}
	client := w.server.client()
	w.url = createQueue(t, client, "work", "VisibilityTimeout", "3600")
	first, second := w.agent("first"), w.agent("second")
	var killed time.Time
	w.send(t.Context(), client, func(n int) {
		switch n {
		case len(w.fates) / 3:
			killed = time.Now()
			_ = second.end(t, syscall.SIGKILL)
			waitFor(t, "nothing of the killed agent is left", func() bool { return len(w.processes("AGENT=second")) == 0 })
			second = w.agent("third")
		case len(w.fates) * 2 / 3:
			w.down = time.Now()
			w.server.kill()
			w.server.start()
		}
	})
	waitFor(t, "every message is done", func() bool { return w.finished() == len(w.fates) })
	for _, a := range []*agent{first, second} {
		if err := a.end(t, syscall.SIGTERM); err != nil {
			t.Errorf("an agent that was asked to end: %v", err)
		}
	}
	w.judge(killed)
	tr := &tour{client: client}
	for _, name := range []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		equal(t, string(name), tr.attribute(t, w.url, name), "0")
	}
	if left := w.processes(""); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	if t.Failed() {
		t.Logf("the agents' last words:\n%s", w.log.tail(4000))
	}
}

// judge holds the ledger against what was to happen to each message.
func (w *workshop) judge(killed time.Time) {
	starts, dones := make(map[int][]note), make(map[int][]note)
	for _, note := range w.ledger() {
		if note.word == "start" {
			starts[note.n] = append(starts[note.n], note)
		} else {
			dones[note.n] = append(dones[note.n], note)
		}
	}
	overtime := w.overtime()
	lost, again, idle := 0, 0, 0
	var latest time.Duration
	for n, fate := range w.fates {
		if len(dones[n]) == 0 {
			lost++
			continue
		}
		want := 1
		if workFates[fate] {
			want = 2
		}
		if slow := overtime[starts[n][0].id]; slow > 0 && fate != "overtime" {
			want += slow // a busy machine: the agent did end it
		}
		if caught := w.caught(starts[n], dones[n], killed) || w.undone(starts[n]); len(starts[n]) != want && !(caught && len(starts[n]) == want+1) {
			idle++
			w.t.Errorf("message %d, fate %q, was started %d times, want %d: %v", n, fate, len(starts[n]), want, starts[n])
		}
		for i := 1; i < len(starts[n]); i++ {
			again++
			interrupted := starts[n][i-1].at
			if starts[n][i-1].agent == "second" && killed.After(interrupted) {
				interrupted = killed
			}
			if fate == "overtime" {
				interrupted = interrupted.Add(workOvertime)
			}
			latest = max(latest, starts[n][i].at.Sub(interrupted))
		}
	}
	w.t.Logf("%d messages: %d lost, %d started again, %d of them without a reason, the latest %v after its interruption",
		len(w.fates), lost, again, idle, latest.Round(time.Millisecond))
	equal(w.t, "lost messages", lost, 0)
	// What the ledger sees is the next start, and a message that is back may wait for a place: until a handler that
	// overruns its time limit is ended.
	if most := workLease + time.Second + workOvertime; latest > most {
		w.t.Errorf("a message was started again %v after its interruption, want at most %v: the lease, a second, and the wait for a place", latest, most)
	}
	if again == 0 {
		w.t.Error("no message was interrupted, so nothing was tested")
	}
}

// overtime counts, by message id, the handlers that the agents say to have ended at their time limit.
func (w *workshop) overtime() map[string]int {
	ended := make(map[string]int)
	for line := range strings.Lines(w.log.tail(1 << 30)) {
		var entry struct{ Msg, ID, Err string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "a message failed" && strings.Contains(entry.Err, "time limit") {
			ended[entry.ID]++
		}
	}
	return ended
}

// caught reports whether the agent that was killed had the message in hand then: begun, and not done, or done so shortly
// before that its delete may not have been sent.
func (w *workshop) caught(starts, dones []note, killed time.Time) bool {
	for _, s := range starts {
		if s.agent != "second" {
			continue
		}
		for _, d := range dones {
			if d.agent == "second" && killed.Sub(d.at) > time.Second {
				return false
			}
		}
		return true
	}
	return false
}

// undone reports whether the message was handed out about when the server was killed, which may undo the receive: it does
// not wait for the disk. What was prefetched is begun later.
func (w *workshop) undone(starts []note) bool {
	return slices.ContainsFunc(starts, func(s note) bool {
		return s.at.After(w.down.Add(-time.Second)) && s.at.Before(w.down.Add(workLease))
	})
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
