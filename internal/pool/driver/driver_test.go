package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/forebay-mq/forebay/internal/pool"
)

func order(idle time.Duration, ids ...string) pool.Order {
	o := pool.Order{Pool: "orders", Queues: []string{"orders", "rest"}, Epoch: 3, Desired: 5, Why: "because"}
	for _, id := range ids {
		o.Workers = append(o.Workers, pool.Spec{ID: id, Idle: idle})
	}
	return o
}

// shell makes an exec driver of a shell script; {folder} in it is a folder of the test's own.
func shell(t *testing.T, script string) (*Exec, string) {
	t.Helper()
	folder := t.TempDir()
	d, err := NewExec(ExecOptions{Command: []string{"sh", "-c", script, "{worker}", "{idle}", "{queue}", "{queues}"}, Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	return d, folder
}

func TestExecKeepsVariablesFromWorkers(t *testing.T) {
	t.Setenv("ANOTHER_SERVER", "production")
	t.Setenv("ANOTHER_SERVER_TOO", "kept")
	folder := t.TempDir()
	d, err := NewExec(ExecOptions{Command: []string{"sh", "-c", `echo "$ANOTHER_SERVER,$ANOTHER_SERVER_TOO,$SERVER" >said`}, Folder: folder,
		Env: []string{"SERVER=drill"}, Without: []string{"ANOTHER_SERVER"}})
	must(t, err)
	must(t, d.Start(t.Context(), order(time.Second, "w1")))
	next(t, d)
	must(t, d.Close(t.Context()))
	if said, err := os.ReadFile(filepath.Join(folder, "said")); err != nil || string(said) != ",kept,drill\n" {
		t.Errorf("the worker was told %q, %v", said, err)
	}
}

func next(t *testing.T, d *Exec) pool.Event {
	t.Helper()
	select {
	case e := <-d.Events():
		return e
	case <-time.After(time.Minute):
		t.Fatal("nothing happened to the worker")
		return pool.Event{}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestExecTellsWorkersWhatTheyShouldKnowAndHowTheyEnd(t *testing.T) {
	for _, tt := range []struct{ script, cause string }{
		{`echo "$0 $1 $2 $3 $FOREBAY_POOL $FOREBAY_POOL_EPOCH $FOREBAY_POOL_IDLE" >said`, ""},
		{`exit 3`, "exit status 3"},
		{`kill -TERM $$`, ""},
		{`kill -KILL $$`, "signal: killed"},
	} {
		d, folder := shell(t, tt.script)
		must(t, d.Start(t.Context(), order(1500*time.Millisecond, "w1")))
		if e := next(t, d); e.ID != "w1" || e.Kind != pool.Ended || e.Cause != tt.cause {
			t.Errorf("%s: %+v, want an end of %q", tt.script, e, tt.cause)
		}
		must(t, d.Close(t.Context()))
		if said, err := os.ReadFile(filepath.Join(folder, "said")); err == nil && string(said) != "w1 1.5s orders orders,rest orders 3 1.5s\n" {
			t.Errorf("the worker was told %q", said)
		}
	}
}

func TestExecDrainsAtTheEndAndLeavesNoProcessBehind(t *testing.T) {
	// The worker starts a child that ignores the end, and finishes what it has before it leaves.
	d, folder := shell(t, `trap 'echo finished >finished; exit 0' TERM; (trap "" TERM; exec tail -f /dev/null) & echo $! >child.new; mv child.new child; wait; wait`)
	must(t, d.Start(t.Context(), order(0, "w1")))
	var child int
	for deadline := time.Now().Add(time.Minute); child == 0; {
		if text, err := os.ReadFile(filepath.Join(folder, "child")); err == nil {
			fmt.Sscan(string(text), &child)
		}
		if time.Now().After(deadline) {
			t.Fatal("the worker has not started")
		}
	}
	must(t, d.Close(context.Background()))
	if e := next(t, d); e.Kind != pool.Ended || e.Cause != "" {
		t.Errorf("%+v, want an end of its own", e)
	}
	if _, err := os.Stat(filepath.Join(folder, "finished")); err != nil {
		t.Error("the worker did not get to finish")
	}
	if alive(child) {
		t.Errorf("its child %d lives on", child)
	}
}

// alive says whether a process runs; one that has ended and not been waited for does not.
func alive(pid int) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ") {
			return false
		}
	}
	return true
}

func TestExecKillsWhenPatienceEnds(t *testing.T) {
	d, folder := shell(t, `trap "" TERM; : >up; while :; do read -r _ <&- 2>/dev/null || tail -f /dev/null; done`)
	must(t, d.Start(t.Context(), order(0, "w1")))
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := os.Stat(filepath.Join(folder, "up")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the worker has not started")
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, d.Close(ended))
	if e := next(t, d); e.Cause != pool.CauseKilled {
		t.Errorf("%+v, want %q", e, pool.CauseKilled)
	}
}

func TestExecHearsThatAWorkerIsReady(t *testing.T) {
	socket, err := listenNotify(filepath.Join(t.TempDir(), "w"))
	must(t, err)
	states := make(chan string)
	go func() {
		for s := range socket.states() {
			states <- s
		}
		close(states)
	}()
	conn, err := net.Dial("unixgram", socket.path)
	must(t, err)
	io.WriteString(conn, "READY=1\nSTATUS=at work\n")
	if a, b := <-states, <-states; a != "READY=1" || b != "STATUS=at work" {
		t.Errorf("heard %q and %q", a, b)
	}
	socket.close()
	if s, open := <-states; open {
		t.Errorf("heard %q after the end", s)
	}
}

func TestExecRefusesWhatCannotBeRun(t *testing.T) {
	for command, says := range map[string]string{"": "names no program", "no-such-program-here": "executable file not found", "sh {ilde}": "{ilde} stands for nothing"} {
		if _, err := NewExec(ExecOptions{Command: strings.Fields(command)}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", command, err, says)
		}
	}
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "here"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(folder, "broken"), []byte("#!/no/such/python\n"), 0o755))
	here, err := NewExec(ExecOptions{Command: []string{"./here"}, Folder: folder})
	must(t, err) // seen from the folder that it runs in
	must(t, here.Close(t.Context()))
	if _, err := NewExec(ExecOptions{Command: []string{"./broken"}, Folder: folder}); err == nil || !strings.Contains(err.Error(), `interpreter "/no/such/python" is not there`) {
		t.Errorf("a worker without an interpreter: %v", err)
	}
	d, err := NewExec(ExecOptions{Command: []string{"sh", "-c", "exit"}, Folder: "/no/such/folder"})
	must(t, err)
	if err := d.Start(t.Context(), order(0, "w1", "w2")); err == nil {
		t.Error("a start in no folder was accepted")
	}
	must(t, d.Close(t.Context()))
}

func TestWebhook(t *testing.T) {
	var got []string
	status := http.StatusAccepted
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body))
		w.WriteHeader(status)
		io.WriteString(w, `{"workers": 7, "ready": 5}`)
	}))
	defer server.Close()
	h, err := NewWebhook(WebhookOptions{URL: server.URL + "/start", CountURL: server.URL + "/count", Token: "secret"})
	must(t, err)
	must(t, h.Start(t.Context(), order(15*time.Second, "w1")))
	must(t, h.Drain(t.Context(), []string{"w1"}))
	count, err := h.Count(t.Context())
	if err != nil || count != (pool.Count{Total: 7, Ready: 5}) {
		t.Errorf("count %+v, %v", count, err)
	}
	want := []string{
		`POST /start Bearer secret {"pool":"orders","queues":["orders","rest"],"epoch":3,"desired":5,"start":[{"id":"w1","idle_seconds":15}],"why":"because"}`,
		`POST /start Bearer secret {"pool":"","epoch":0,"drain":["w1"]}`, `GET /count Bearer secret `}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("call %d\n got %s\nwant %s", i, got[i], want[i])
		}
	}
	status = http.StatusConflict
	if err := h.Start(t.Context(), order(0, "w2")); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("a refused order: %v", err)
	}
	status = http.StatusNotImplemented
	if err := h.Drain(t.Context(), []string{"w1"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a drain that cannot be done: %v", err)
	}
	if _, err := NewWebhook(WebhookOptions{URL: "scaler/start"}); err == nil {
		t.Error("a URL without a host was accepted")
	}
}

func TestCommand(t *testing.T) {
	folder := t.TempDir()
	said := filepath.Join(folder, "said")
	c, err := NewCommand(CommandOptions{
		Start: []string{"sh", "-c", `echo "$@ $FOREBAY_POOL_EPOCH" >>` + said, "sh", "{count}", "{idle}", "{workers}"},
		Count: []string{"echo", "4 3"}, Drain: []string{"sh", "-c", "echo drain $0 >>" + said, "{workers}"},
	})
	must(t, err)
	o := order(15*time.Second, "w1", "w2")
	o.Workers = append(o.Workers, pool.Spec{ID: "w3"})
	must(t, c.Start(t.Context(), o))
	must(t, c.Drain(t.Context(), []string{"w1", "w2"}))
	text, err := os.ReadFile(said)
	must(t, err)
	if want := "1 0s w3 3\n2 15s w1,w2 3\ndrain w1,w2\n"; string(text) != want {
		t.Errorf("run as\n%swant\n%s", text, want)
	}
	if count, err := c.Count(t.Context()); err != nil || count != (pool.Count{Total: 4, Ready: 3}) {
		t.Errorf("count %+v, %v", count, err)
	}
	bad, err := NewCommand(CommandOptions{Start: []string{"sh", "-c", "echo no room >&2; exit 1"}, Count: []string{"echo", "many"}})
	must(t, err)
	if err := bad.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("a refused order: %v", err)
	}
	if _, err := bad.Count(t.Context()); err == nil || !strings.Contains(err.Error(), "many") {
		t.Errorf("a count that is none: %v", err)
	}
	if err := bad.Drain(t.Context(), nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a drain without a command: %v", err)
	}
}

func TestCapacity(t *testing.T) {
	var set []string
	desired := "4"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/autoscaling/aws4_request") {
			t.Errorf("signed as %q", r.Header.Get("Authorization"))
		}
		switch {
		case r.Form.Get("Action") == "SetDesiredCapacity" && r.Form.Get("DesiredCapacity") == "104":
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>above max value 100</Message></Error></ErrorResponse>`)
		case r.Form.Get("Action") == "SetDesiredCapacity":
			set = append(set, r.Form.Get("AutoScalingGroupName")+"="+r.Form.Get("DesiredCapacity"))
		case r.Form.Get("AutoScalingGroupNames.member.1") == "workers":
			fmt.Fprintf(w, `<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
				<DesiredCapacity>%s</DesiredCapacity><Instances><member><LifecycleState>InService</LifecycleState></member><member><LifecycleState>Pending</LifecycleState></member></Instances>
				</member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`, desired)
		default:
			io.WriteString(w, `<DescribeAutoScalingGroupsResponse/>`)
		}
	}))
	defer server.Close()
	o := CapacityOptions{Group: "workers", Region: "eu-west-1", Endpoint: server.URL, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}
	c, err := NewCapacity(o)
	must(t, err)
	must(t, c.Start(t.Context(), order(0, "w1", "w2")))
	if len(set) != 1 || set[0] != "workers=6" {
		t.Errorf("set %v, want two more than the four there are", set)
	}
	if count, err := c.Count(t.Context()); err != nil || count != (pool.Count{Total: 4, Ready: 1}) {
		t.Errorf("count %+v, %v", count, err)
	}
	if err := c.Drain(t.Context(), []string{"w1"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a drain: %v; instances must not be ended", err)
	}
	desired = "103"
	if err := c.Start(t.Context(), order(0, "w1")); err == nil || !strings.Contains(err.Error(), "ValidationError: above max value 100") {
		t.Errorf("a refused order: %v", err)
	}
	o.Group = "other"
	c, err = NewCapacity(o)
	must(t, err)
	if err := c.Start(t.Context(), order(0, "w1")); err == nil || !strings.Contains(err.Error(), `no Auto Scaling group "other"`) {
		t.Errorf("a group that is not there: %v", err)
	}
}
