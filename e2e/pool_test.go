package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
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
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/worker"
)

var (
	poolLength = flag.Duration("pool.length", 8*time.Minute, "how much of the on/off trace the pool lives through, played 60 times faster")
	poolRate   = flag.Float64("pool.rate", 2, "messages a second while the trace is on")
	poolTold   = flag.Bool("pool.told", false, "give each worker a command queue")
	poolAssert = flag.Bool("pool.assert", false, "hold the pool to the simulation's figures; for a machine that does nothing else")
)

// faster is how much faster than in the simulation the pool lives.
const faster = 60

// The world of the simulation: what a message takes, a boot, and the objective.
const (
	simService = 5 * time.Second
	simBoot    = 10 * time.Second
	simWait    = 30 * time.Second
	simIdle    = time.Minute // a second when played faster, which is what a long poll takes at least
)

// workerWaits names the file to which workers write how long each message had waited. A process that has it is a worker.
const workerWaits = "FOREBAY_E2E_WAITS"

// poolWorker is what the pool runs: it boots, and is then the worker that `forebay work` is, with a handler that takes as long
// as its message says.
func poolWorker(ctx context.Context, waits string) error {
	time.Sleep(time.Duration((0.8 + 0.4*rand.Float64()) * float64(simBoot) / faster))
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(waits, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	w, err := worker.New(worker.Options{Client: sqs.NewFromConfig(cfg), QueueURL: os.Getenv("FOREBAY_POOL_QUEUES"),
		CommandsURL: os.Getenv("FOREBAY_POOL_COMMANDS"), Consumer: os.Getenv("FOREBAY_POOL_WORKER"),
		Settings: worker.Settings{Concurrency: 1, IdleTime: simIdle / faster},
		Handler: func(_ context.Context, m *worker.Message) error {
			fmt.Fprintln(out, time.Since(m.Sent()).Seconds())
			takes, err := time.ParseDuration(*m.Body)
			time.Sleep(takes)
			return err
		}})
	if err != nil {
		return err
	}
	ready, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	fmt.Fprint(ready, "READY=1")
	ready.Close()
	return w.Run(ctx)
}

// onOff is a trace: quiet, then busy in its second quarter, then quiet again. Times are those of the simulation.
func onOff(length time.Duration, rate float64) (at, service []time.Duration) {
	chance := rand.New(rand.NewPCG(1, 2))
	for t := time.Duration(0); ; {
		per := 0.15
		if t > length/4 && t < length/2 {
			per = rate
		}
		if t += time.Duration(chance.ExpFloat64() / per * float64(time.Second)); t >= length {
			return at, service
		}
		at, service = append(at, t), append(service, time.Duration((0.5+chance.Float64())*float64(simService)))
	}
}

// TestAPoolLivesAsItIsSimulated plays a trace with real processes and compares it with what `forebay sim` says of it.
func TestAPoolLivesAsItIsSimulated(t *testing.T) {
	p := start(t)
	client := p.client()
	url := createQueue(t, client, "work")
	at, service := onOff(*poolLength, *poolRate)
	simulated := simulatedPool(t, p, at, service)

	folder := t.TempDir()
	waits := filepath.Join(folder, "waits")
	control, ended := controller(t, p, folder, waits)

	began := time.Now()
	firstSend := time.Time{}
	for i, when := range at {
		time.Sleep(time.Until(began.Add(when / faster)))
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String((service[i] / faster).String())}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			firstSend = time.Now()
		}
	}
	time.Sleep(time.Until(began.Add(*poolLength / faster)))
	var status struct {
		Totals struct {
			WorkerSeconds float64 `json:"worker_seconds"`
			Started       int
			FailedStarts  int `json:"failed_starts"`
		}
	}
	if err := json.Unmarshal([]byte(p.forebay("pools", "show", "work", "--state", folder, "-o", "json")), &status); err != nil {
		t.Fatal(err)
	}
	var got []float64
	waitFor(t, "all messages are done", func() bool {
		got = readFloats(t, waits)
		return len(got) >= len(at) && p.metric("forebay_messages_deleted_total") == strconv.Itoa(len(at))
	})
	if err := control.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the controller ended with %v", err)
	}

	slices.Sort(got)
	p95 := got[len(got)*95/100]
	order := firstOrder(t, folder).Sub(firstSend)
	t.Logf("%d messages, %d workers started; worker-seconds %.1f, simulated %.1f (%+.0f %%); p95 wait %.2fs of at most %s, simulated %.2fs; first order %v after the send",
		len(at), status.Totals.Started, status.Totals.WorkerSeconds, simulated.seconds, 100*(status.Totals.WorkerSeconds/simulated.seconds-1),
		p95, simWait/faster, simulated.p95, order.Round(time.Millisecond))
	equal(t, "messages received", len(got), len(at))
	equal(t, "redelivered", p.metric("forebay_messages_redelivered_total"), "0")
	equal(t, "starts that came to nothing", status.Totals.FailedStarts, 0)
	if !*poolAssert {
		return
	}
	if off := status.Totals.WorkerSeconds/simulated.seconds - 1; off > 0.15 || off < -0.15 {
		t.Errorf("worker-seconds are %+.0f %% from the simulation, want within 15 %%", 100*off)
	}
	if limit := 1.1 * (simWait / faster).Seconds(); p95 > limit {
		t.Errorf("p95 wait %.2fs, want at most %.2fs", p95, limit)
	}
	if order > 50*time.Millisecond {
		t.Errorf("the first start order came %v after the send, want within 50ms", order)
	}
}

// controller runs the pool of the test, and returns its process and how that ends.
func controller(t *testing.T, p *process, folder, waits string) (*exec.Cmd, <-chan error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "pools.toml")
	text := fmt.Sprintf("[pools.work]\nqueue = \"work\"\nwait = %q\nboot = %q\nservice = %q\nevery = %q\npolicy = \"slack:idle=%s\"\nmax = 400\ncommands = %t\ncommand = [%q]\n",
		simWait/faster, simBoot/faster, simService/faster, 5*time.Second/faster, simIdle/faster, *poolTold, self)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	control := exec.Command(binary, "pool", "run", file, "--listen", "127.0.0.1:0", "--state", folder)
	control.Env = append(environment(), "FOREBAY_DATA="+p.folder, "FOREBAY_ENDPOINT=http://"+p.address, workerWaits+"="+waits)
	control.Stdout, control.Stderr = &p.output, &p.output
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- control.Wait() }()
	t.Cleanup(func() { _ = control.Process.Kill() })
	waitFor(t, "the controller decides", func() bool { _, err := os.Stat(filepath.Join(folder, "work.decisions.jsonl")); return err == nil })
	return control, ended
}

// simulatedFigures are what the simulation says, in the time of the pool.
type simulatedFigures struct{ seconds, p95 float64 }

// simulatedPool plays the trace in `forebay sim`.
func simulatedPool(t *testing.T, p *process, at, service []time.Duration) simulatedFigures {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("at,service\n")
	for i := range at {
		fmt.Fprintf(&csv, "%g,%g\n", at[i].Seconds(), service[i].Seconds())
	}
	file := filepath.Join(t.TempDir(), "on-off.csv")
	if err := os.WriteFile(file, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		WorkerHours float64 `json:"workerHours"`
		WaitP95     float64 `json:"waitP95"`
	}
	text := p.forebay("sim", "--trace", file, "--policy", "slack:idle="+simIdle.String(), "--service", simService.String(),
		"--boot", simBoot.String(), "--wait", simWait.String(), "--seeds", "5", "-o", "json")
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) != 1 {
		t.Fatalf("forebay sim printed %s: %v", text, err)
	}
	return simulatedFigures{rows[0].WorkerHours * 3600 / faster, rows[0].WaitP95 / faster}
}

// firstOrder is when the pool decided to start its first worker: its journal has all decisions.
func firstOrder(t *testing.T, folder string) time.Time {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "work.decisions.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var d struct {
			Time  time.Time `json:"time"`
			Start int       `json:"start"`
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		if d.Start > 0 {
			return d.Time
		}
	}
	t.Fatal("no decision started anybody")
	return time.Time{}
}

func readFloats(t *testing.T, path string) []float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var all []float64
	for line := range strings.FieldsSeq(string(text)) {
		f, err := strconv.ParseFloat(line, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}
