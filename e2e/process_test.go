package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// patience bounds whatever should happen soon but depends on a busy machine.
const patience = 60 * time.Second

// process is a running server and the data folder and address that outlive it.
type process struct {
	t       *testing.T
	folder  string
	address string
	binary  string   // the program
	env     []string // settings on top of the environment
	cmd     *exec.Cmd
	exited  chan error // one value per start
	output  lockedBuffer
}

// start starts a server on a data folder of its own and stops it when the test ends.
func start(t *testing.T) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds and starts the binary; run without -short")
	}
	p := &process{t: t, folder: t.TempDir(), address: freeAddress(t), binary: binary}
	p.launch()
	return p
}

// launch starts the server for the first time and sees to its end.
func (p *process) launch() {
	t := p.t
	t.Helper()
	p.start()
	t.Cleanup(func() {
		if p.cmd != nil {
			p.kill()
		}
		if t.Failed() {
			t.Logf("the server's last words:\n%s", p.output.tail(4000))
		}
	})
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// start starts the binary and waits until it is ready. It returns how long that took.
func (p *process) start() time.Duration {
	p.t.Helper()
	began := time.Now()
	p.cmd = exec.Command(p.binary, "serve", "--listen", p.address, "--data", p.folder)
	p.cmd.Env = append(environment(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	exited := make(chan error, 1)
	p.exited = exited
	cmd := p.cmd
	go func() { exited <- cmd.Wait() }()
	for time.Since(began) < patience {
		select {
		case err := <-exited:
			p.cmd = nil
			p.t.Fatalf("the server exited before it was ready: %v\n%s", err, p.output.tail(4000))
		case <-time.After(5 * time.Millisecond):
		}
		if status, _ := p.get("/readyz"); status == http.StatusOK {
			return time.Since(began)
		}
	}
	p.t.Fatalf("the server was not ready within %v\n%s", patience, p.output.tail(4000))
	return 0
}

// stop asks the server to stop, as a supervisor does, and returns how it exited.
func (p *process) stop() error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

// kill ends the server without a chance to do anything.
func (p *process) kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill()
	_ = p.wait()
}

func (p *process) wait() error {
	p.t.Helper()
	select {
	case err := <-p.exited:
		p.cmd = nil
		return err
	case <-time.After(patience):
		p.t.Fatalf("the server did not exit within %v\n%s", patience, p.output.tail(4000))
		return nil
	}
}

// get fetches a page of the server.
func (p *process) get(path string) (status int, body string) {
	response, err := http.Get("http://" + p.address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// metric returns the value of a metric without labels.
func (p *process) metric(name string) string {
	p.t.Helper()
	_, page := p.get("/metrics")
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return "absent"
}

// forebay runs another command of the binary against the server and returns what it prints.
func (p *process) forebay(args ...string) string {
	p.t.Helper()
	out, err := p.tryForebay(args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// tryForebay is forebay for a command that may fail.
func (p *process) tryForebay(args ...string) (string, error) {
	cmd := exec.Command(p.binary, args...)
	cmd.Env = append(environment(), "FOREBAY_DATA="+p.folder, "FOREBAY_ENDPOINT=http://"+p.address)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("forebay %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), err
}

// variables are what points AWS programs at the server, as `forebay env` gives it out.
func (p *process) variables() map[string]string {
	p.t.Helper()
	var env map[string]string
	if text := p.forebay("env", "--shell", "json"); json.Unmarshal([]byte(text), &env) != nil {
		p.t.Fatalf("forebay env --shell json: %q is not a JSON object of texts", text)
	}
	return env
}

// client returns an SDK client with the root key. It does not retry: the tests want to know what each call was
// answered.
func (p *process) client() *sqs.Client { return p.clientAt("") }

// clientAt is a client that goes through another address, such as a proxy's. Empty: the server's own.
func (p *process) clientAt(endpoint string) *sqs.Client {
	p.t.Helper()
	env := p.variables()
	key := credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], "")
	return sqs.New(sqs.Options{
		BaseEndpoint: aws.String(cmp.Or(endpoint, env["AWS_ENDPOINT_URL_SQS"])),
		Region:       env["AWS_REGION"],
		Credentials:  key,
		Retryer:      aws.NopRetryer{},
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(patience).WithTransportOptions(func(tr *http.Transport) {
			tr.MaxIdleConnsPerHost = 100 // as many as any test uses at once, or it would measure handshakes
		}),
	})
}

// createQueue creates a queue and returns its URL; attributes alternate names and values.
func createQueue(t *testing.T, client *sqs.Client, name string, attributes ...string) string {
	t.Helper()
	in := &sqs.CreateQueueInput{QueueName: &name, Attributes: make(map[string]string)}
	for i := 0; i+1 < len(attributes); i += 2 {
		in.Attributes[attributes[i]] = attributes[i+1]
	}
	out, err := client.CreateQueue(context.Background(), in)
	if err != nil {
		t.Fatalf("create queue %s: %v", name, err)
	}
	return *out.QueueUrl
}

// environment is this process's without what would point the binary elsewhere.
func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "FOREBAY_") && !strings.HasPrefix(variable, "AWS_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// lockedBuffer collects what several processes write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.text.String()
	return text[max(0, len(text)-n):]
}

// waitFor waits until holds is true.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
