//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/history"
)

var (
	soakDuration = flag.Duration("soak.duration", 4*time.Second, "how long the soak puts load on the server; drains come on top")
	soakFaults   = flag.String("soak.faults", "kill,stop,pause,cut", "what the soak does to the server: all, none, or some of "+faultNames())
	soakSeed     = flag.Uint64("soak.seed", 0, "replays the choices of a soak; 0: another seed each time")
	soakReport   = flag.String("soak.report", "", "folder for the soak's report, and for the histories of rounds with violations")
)

// The shape of a soak.
const (
	soakRound    = 45 * time.Second        // of load, between two drains
	soakSpan     = 6 * time.Second         // without a message, for a queue to count as empty; longer than any timeout below
	soakTimeouts = 4                       // seconds: the longest visibility timeout and delay that clients ask for
	soakAgain    = 10 * time.Second        // after a fault has ended, a send must succeed within
	soakLook     = 10 * time.Second        // between two looks at the counters
	soakGap      = 1500 * time.Millisecond // between two faults, at most
)

// soak is a server under mixed load and faults, for as long as one likes. It goes in rounds: new queues, load with
// faults, then a drain, and then the history of the round is judged by `forebay verify`. So neither the judge nor the
// disk limits how long a soak can be, and everything is checked all along.
type soak struct {
	t      *testing.T
	p      *process
	proxy  *proxy
	faults *faults
	report soakSummary
	folder string // of histories
}

// TestSoak is `make soak`.
func TestSoak(t *testing.T) {
	chosen, err := parseFaults(*soakFaults)
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		t.Skip("it builds and starts the binary; run without -short")
	}
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	if *soakReport != "" { // now, and not when the run is over
		if err := os.MkdirAll(*soakReport, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &soak{t: t, folder: t.TempDir(), report: soakSummary{Seed: seed, Faults: map[string]int{}}}
	s.p = &process{t: t, folder: t.TempDir(), address: freeAddress(t), binary: binary}
	s.faults = newFaults(s, chosen)
	s.p.launch()
	s.proxy = newProxy(t, s.p.address)

	t.Logf("seed %d: to make the same choices again, make soak SEED=%d DURATION=%v FAULTS=%s", seed, seed, *soakDuration, *soakFaults)
	began := time.Now()
	for round := 0; time.Since(began) < *soakDuration; round++ {
		s.round(round, min(soakRound, *soakDuration-time.Since(began)))
		if t.Failed() {
			break
		}
	}
	s.report.Seconds = time.Since(began).Seconds()
	s.finish()
}

// round is one: its queues, its load, its drain, and the verdict.
func (s *soak) round(number int, length time.Duration) {
	path := filepath.Join(s.folder, fmt.Sprintf("round-%d.jsonl", number))
	file, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	seed := s.report.Seed + uint64(number)
	l := newSoakLoad(s, history.NewRecorder(file), number, seed)
	s.faults.begin(l, rand.New(rand.NewPCG(seed, 0)))
	r := soakRoundReport{Round: number, Seed: seed}

	ctx, cancel := context.WithCancel(s.t.Context())
	running := l.begin(ctx)
	looked := time.Now()
	for end := time.Now().Add(length); time.Now().Before(end); {
		s.faults.next(min(soakGap, time.Until(end)))
		if time.Since(looked) > soakLook {
			l.look()
			looked = time.Now()
		}
	}
	l.look()
	cancel()
	running.Wait()
	r.SendAgain = s.faults.slowest.Seconds()

	l.drain()
	l.look()
	if err := l.record.Close(); err != nil {
		s.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.judge(path, &r)
	l.removeQueues()
	r.RSS, r.Goroutines = s.sample()
	s.report.add(r)
	s.t.Logf("%s", r)
}

// judge lets the shipped checker judge a round. A history with violations is kept.
func (s *soak) judge(path string, r *soakRoundReport) {
	text, err := s.p.tryForebay("verify", "-o", "json", path)
	if jsonErr := json.Unmarshal([]byte(text), &r.Verdict); jsonErr != nil {
		s.t.Fatalf("forebay verify: %v, and %v", err, jsonErr)
	}
	if r.Verdict.Acknowledged == 0 || r.Verdict.Deleted == 0 {
		s.t.Errorf("round %d: nothing was acknowledged, so nothing was tested", r.Round)
	}
	for _, v := range r.Verdict.Violations[:min(len(r.Verdict.Violations), 20)] {
		s.t.Errorf("round %d, seed %d: %s", r.Round, r.Seed, v)
	}
	if len(r.Verdict.Violations) > 0 {
		s.keep(path)
	} else if err := os.Remove(path); err != nil {
		s.t.Error(err)
	}
}

// keep moves a history to where it outlives the test.
func (s *soak) keep(path string) {
	folder := *soakReport
	if folder == "" {
		folder = os.TempDir()
	}
	text, err := os.ReadFile(path)
	if err == nil {
		kept := filepath.Join(folder, fmt.Sprintf("soak-%d-%s", s.report.Seed, filepath.Base(path)))
		err = os.WriteFile(kept, text, 0o644)
		s.t.Logf("the history is kept: forebay verify %s", kept)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// finish judges the trend and writes the report.
func (s *soak) finish() {
	s.report.trend(s.t)
	s.t.Logf("%s", s.report)
	if *soakReport == "" {
		return
	}
	text, err := json.MarshalIndent(s.report, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(*soakReport, "soak.json"), append(text, '\n'), 0o644)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// removeQueues deletes the queues of a round.
func (l *soakLoad) removeQueues() {
	for _, q := range l.queues {
		if _, err := l.client.DeleteQueue(context.Background(), &sqs.DeleteQueueInput{QueueUrl: &q.url}); err != nil {
			l.s.t.Errorf("delete %s: %v", q.name, err)
		}
	}
}
