package e2e

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/queued"
)

// backendVariable makes the test binary a backend instead: a queued server in a process of its own, to be killed.
const backendVariable = "E2E_BACKEND"

// gatewayClients is how many clients send requests at once.
const gatewayClients = 16

// runBackend answers each request with its number, and a word that tells one execution from another.
func runBackend() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client := sqs.New(sqs.Options{
		BaseEndpoint: aws.String(os.Getenv("E2E_ENDPOINT")), Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("E2E_KEY"), os.Getenv("E2E_SECRET"), ""),
	})
	err := queued.Serve(ctx, client, "requests", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s %s", body, crand.Text())
	}), func(o *queued.Options) { o.Visibility = 5 * time.Second })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// daemon is a process that is killed and started again.
type daemon struct {
	t      *testing.T
	path   string
	args   []string
	env    []string
	ready  func() bool
	cmd    *exec.Cmd
	output lockedBuffer
}

func (d *daemon) start() {
	d.t.Helper()
	d.cmd = exec.Command(d.path, d.args...)
	d.cmd.Env = append(environment(), d.env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.output, &d.output
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	waitFor(d.t, d.path+" "+strings.Join(d.args, " ")+" is ready", d.ready)
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
}

// trial is a run of requests through a gateway while everything is killed.
type trial struct {
	t       *testing.T
	base    string
	client  http.Client
	next    atomic.Int64
	total   int64
	answers atomic.Int64 // requests with their final answer
	retries atomic.Int64
	failed  atomic.Int64
}

// TestGatewayLosesNothing sends requests while queue server, gateway and backend are killed at random. Every request
// that was accepted must be answered, with its own answer, and with the same one when it is asked for again.
func TestGatewayLosesNothing(t *testing.T) {
	p := start(t)
	client := p.client()
	createQueue(t, client, "requests", "VisibilityTimeout", "5")
	key, err := client.Options().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	tr := &trial{t: t, base: "http://" + address, total: int64(*gatewayRequests), client: http.Client{Timeout: patience}}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	gateway := &daemon{t: t, path: binary, args: []string{"gateway", "--route", "/=requests", "--listen", address, "--state", t.TempDir()},
		env: []string{"FOREBAY_DATA=" + p.folder, "FOREBAY_ENDPOINT=http://" + p.address}, ready: tr.ready}
	backend := &daemon{t: t, path: self, ready: func() bool { return true }, env: []string{backendVariable + "=1",
		"E2E_ENDPOINT=http://" + p.address, "E2E_KEY=" + key.AccessKeyID, "E2E_SECRET=" + key.SecretAccessKey}}
	gateway.start()
	backend.start()
	defer func() {
		gateway.kill()
		backend.kill()
		if t.Failed() {
			t.Logf("the gateway's last words:\n%s\nthe backend's:\n%s", gateway.output.tail(4000), backend.output.tail(2000))
		}
	}()
	kills := tr.run(func(n int) {
		switch n {
		case 0:
			p.kill()
			p.start()
		case 1:
			gateway.kill()
			gateway.start()
		case 2:
			backend.kill()
			backend.start()
		}
	})
	t.Logf("%d requests under %d kills: %d answered, %d asked again, %d wrong", tr.total, kills, tr.answers.Load(), tr.retries.Load(), tr.failed.Load())
	if tr.answers.Load() != tr.total {
		t.Errorf("%d of %d requests have no answer", tr.total-tr.answers.Load(), tr.total)
	}
}

func (tr *trial) ready() bool {
	response, err := tr.client.Get(tr.base + "/readyz")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// run sends all requests and kills meanwhile. It returns the number of kills.
func (tr *trial) run(kill func(int)) (kills int) {
	var clients sync.WaitGroup
	for range gatewayClients {
		clients.Go(func() {
			for {
				n := tr.next.Add(1)
				if n > tr.total {
					return
				}
				tr.one(int(n))
			}
		})
	}
	done := make(chan struct{})
	go func() {
		clients.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			return kills
		case <-time.After(200*time.Millisecond + rand.N(time.Second)):
			kill(rand.IntN(3))
			kills++
		}
	}
}

// one sends a request, and asks until it has the answer: every other one with a key, which may be sent again, the rest
// with a token once the gateway has accepted it.
func (tr *trial) one(n int) {
	number, key, location := fmt.Sprint("number-", n), crand.Text(), ""
	deadline := time.Now().Add(5 * time.Minute)
	for first := true; time.Now().Before(deadline); first = false {
		if !first {
			tr.retries.Add(1)
			time.Sleep(rand.N(100 * time.Millisecond))
		}
		status, state, place, body := tr.ask(n, number, key, location)
		switch {
		case status == 0 || state == "" && status == http.StatusServiceUnavailable || state == "partial":
			continue
		case state == "pending":
			if n%2 == 1 {
				location = place
			}
			continue
		}
		if status != http.StatusOK || !strings.HasPrefix(body, number+" ") {
			tr.failed.Add(1)
			tr.t.Errorf("request %s got %d %q", number, status, body)
			return
		}
		tr.answers.Add(1)
		if n%10 < 2 {
			tr.again(n, number, key, location, body)
		}
		return
	}
	tr.t.Errorf("request %s has no answer", number)
}

// again asks for an answer that was there already.
func (tr *trial) again(n int, number, key, location, was string) {
	for range 100 {
		status, state, _, body := tr.ask(n, number, key, location)
		if n%2 == 1 && location == "" {
			return // without a token there is nothing to ask for
		}
		if state == "complete" {
			if status != http.StatusOK || body != was {
				tr.failed.Add(1)
				tr.t.Errorf("request %s got %q and then %d %q", number, was, status, body)
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	tr.t.Errorf("request %s was answered, and cannot be fetched again", number)
}

// ask makes one HTTP request. Status zero: there was no whole answer.
func (tr *trial) ask(n int, number, key, location string) (status int, state, place, body string) {
	var r *http.Request
	var err error
	if location != "" {
		r, err = http.NewRequest(http.MethodGet, tr.base+location, nil)
	} else {
		r, err = http.NewRequest(http.MethodPost, tr.base+"/"+number, strings.NewReader(number))
	}
	if err != nil {
		tr.t.Error(err)
		return
	}
	r.Header.Set("Prefer", "wait=5")
	if n%2 == 0 {
		r.Header.Set("Idempotency-Key", key)
	} else if location == "" {
		r.Header.Set("Prefer", "respond-async")
	}
	response, err := tr.client.Do(r)
	if err != nil {
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return
	}
	return response.StatusCode, response.Header.Get("Forebay-Reply"), response.Header.Get("Location"), string(text)
}
