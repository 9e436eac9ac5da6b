//go:build unix

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

const (
	// floodMemoryMax is how many MiB the server may hold while strangers flood it.
	floodMemoryMax = 400
	// floodSlower is how many times slower the slow calls of honest clients may become.
	floodSlower = 3
	// floodQuietMin is what a slow call takes at least, as far as floodSlower is concerned: less than that says more about
	// the machine than about the server.
	floodQuietMin = 3 * time.Millisecond

	floodClients = 8                     // honest ones
	floodPace    = 20 * time.Millisecond // between two calls of one
)

// beLast gives this process the lowest priority.
func beLast() {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
}

// TestFlood has strangers do their worst, from several addresses, while honest clients work. These must hardly notice,
// and a supervisor must get its answers. `make flood` does so for a minute and judges how slow the calls become and how
// much memory the server takes; the short form judges that nothing is refused.
func TestFlood(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	if testing.Short() {
		t.Skip("it builds and starts the binary; run without -short")
	}
	p := &process{t: t, folder: t.TempDir(), address: freeAddress(t), binary: binary}
	if *floodBinary != "" {
		p.binary = *floodBinary
	}
	p.launch()
	url := createQueue(t, p.client(), "honest")
	for range 2 { // the first time warms up
		p.honest(t, url, *floodTime/4)
	}
	quiet := p.honest(t, url, *floodTime/2)
	t.Logf("quiet:   %v; memory %.0f MiB", quiet, p.memory())
	end := p.strangers(t)
	time.Sleep(time.Second)
	flooded := p.honest(t, url, *floodTime)
	t.Logf("flooded: %v; memory %.0f MiB\n%s", flooded, p.memory(), end())

	if flooded.refused > 0 || flooded.unhealthy > 0 {
		t.Errorf("%d calls of honest clients failed, the first by %v, and %d health checks, the first by %v; want none",
			flooded.refused, flooded.err, flooded.unhealthy, flooded.unhealthyErr)
	}
	if *floodTime < time.Minute {
		return
	}
	if most := floodSlower * max(quiet.slow(), floodQuietMin); flooded.slow() > most {
		t.Errorf("of a hundred calls of honest clients the slowest takes %v, and %v without the flood; want at most %v", flooded.slow(), quiet.slow(), most)
	}
	if m := p.memory(); m > floodMemoryMax {
		t.Errorf("the server took %.0f MiB, want at most %d", m, floodMemoryMax)
	}
}

// strangers lets them loose until the returned function is called, which tells what they have done.
func (p *process) strangers(t *testing.T) (end func() string) {
	t.Helper()
	var output strings.Builder
	cmd := exec.Command(must(os.Executable())(t))
	cmd.Env = append(environment(), strangersAt+"="+p.address, "FOREBAY_E2E_KEY="+p.variables()["AWS_ACCESS_KEY_ID"])
	cmd.Stdout, cmd.Stderr = &output, &output
	in := must(cmd.StdinPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceValue(func() string {
		_ = in.Close()
		_ = cmd.Wait()
		return output.String()
	})
	t.Cleanup(func() { end() })
	return end
}

// experience is what honest clients and a supervisor saw.
type experience struct {
	mu                sync.Mutex
	took              []time.Duration // of calls that were answered
	refused           int
	err, unhealthyErr error // the first ones
	health, unhealthy int
	healthMax         time.Duration
}

// slow is what the slowest of a hundred calls takes.
func (e *experience) slow() time.Duration { return e.quantile(99) }

func (e *experience) quantile(percent int) time.Duration {
	if len(e.took) == 0 {
		return 0
	}
	slices.Sort(e.took)
	return e.took[(len(e.took)-1)*percent/100]
}

// String tells it.
func (e *experience) String() string {
	return fmt.Sprintf("%d calls, p50 %v, p99 %v, max %v, %d failed; %d health checks, max %v, %d failed", len(e.took),
		e.quantile(50).Round(10*time.Microsecond), e.slow().Round(10*time.Microsecond), e.quantile(100).Round(10*time.Microsecond), e.refused,
		e.health, e.healthMax.Round(10*time.Microsecond), e.unhealthy)
}

// honest has clients send, receive and delete for so long, most of them over connections that they keep, one over a new one
// for each call; and a supervisor ask how the server is.
func (p *process) honest(t *testing.T, url string, long time.Duration) *experience {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	e := new(experience)
	var all sync.WaitGroup
	for i := range floodClients {
		client := p.client()
		all.Go(func() { e.work(ctx, client, url, i == 0) })
	}
	all.Go(func() { e.supervise(ctx, p.address) })
	all.Wait()
	return e
}

// work is one honest client.
func (e *experience) work(ctx context.Context, client *sqs.Client, url string, anew bool) {
	var options []func(*sqs.Options)
	if anew {
		options = append(options, func(o *sqs.Options) { o.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} })
	}
	body := aws.String(strings.Repeat("x", 1000))
	tick := time.NewTicker(floodPace)
	defer tick.Stop()
	for ctx.Err() == nil {
		e.note(func() error {
			_, err := client.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: body}, options...)
			return err
		})
		<-tick.C
		var out *sqs.ReceiveMessageOutput
		e.note(func() (err error) {
			out, err = client.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url}, options...)
			return err
		})
		if out == nil {
			continue
		}
		for _, m := range out.Messages {
			<-tick.C
			e.note(func() error {
				_, err := client.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}, options...)
				return err
			})
		}
		<-tick.C
	}
}

// note makes a call and notes how it went.
func (e *experience) note(call func() error) {
	began := time.Now()
	err := call()
	took := time.Since(began)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		if e.refused++; e.err == nil {
			e.err = err
		}
		return
	}
	e.took = append(e.took, took)
}

// supervise asks how the server is, over a new connection each time.
func (e *experience) supervise(ctx context.Context, address string) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		response, err := client.Get("http://" + address + []string{"/livez", "/readyz"}[n%2])
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				err = fmt.Errorf("answered %s", response.Status)
			}
		}
		e.health++
		if err != nil {
			if e.unhealthy++; e.unhealthyErr == nil {
				e.unhealthyErr = err
			}
		} else {
			e.healthMax = max(e.healthMax, time.Since(began))
		}
		<-tick.C
	}
}
