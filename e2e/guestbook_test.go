package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// guestbook is the example's program, built when the first test asks for it.
var guestbook = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "guestbook")
	build := exec.Command("go", "build", "-o", path, "../examples/queued-guestbook")
	build.Stderr = os.Stderr
	return path, build.Run()
})

func buildGuestbook(t *testing.T) string {
	t.Helper()
	path, err := guestbook()
	if err != nil {
		t.Fatal("build the guestbook: ", err)
	}
	return path
}

// signed is an entry as the guestbook shows it.
type signed struct {
	Number     int
	Name, Text string
}

// entries reads the book through the gateway.
func entries(t *testing.T, base string) []signed {
	t.Helper()
	var all []signed
	if status, _, body := ask(t, http.MethodGet, base+"/entries", ""); status != http.StatusOK || json.Unmarshal([]byte(body), &all) != nil {
		t.Fatalf("GET /entries: got %d %q, want the entries", status, body)
	}
	return all
}

// ask makes one HTTP request that must be answered. headers alternate names and values.
func ask(t *testing.T, method, address, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// demo runs the example's script until the test ends. It returns the guestbook's address, and what the script said.
func demo(t *testing.T, args ...string) (d *daemon, base string) {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("the script needs ", tool)
		}
	}
	address := freeAddress(t)
	d = &daemon{t: t, path: "../examples/queued-guestbook/run.sh", args: append(args, "--listen", address, "--data", t.TempDir()),
		env: []string{"FOREBAY_BIN=" + binary, "GUESTBOOK_BIN=" + buildGuestbook(t)}}
	d.ready = func() bool { return strings.Contains(d.output.tail(4000), "Press Ctrl-C") }
	t.Cleanup(func() {
		if d.cmd.Process != nil && d.cmd.Process.Signal(syscall.SIGTERM) == nil {
			_ = d.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the script's last words:\n%s", d.output.tail(4000))
		}
	})
	d.start()
	return d, "http://" + address
}

// sign has the guestbook answer in all ways: at once, later, and again.
func sign(t *testing.T, base string) {
	t.Helper()
	status, header, body := ask(t, http.MethodPost, base+"/entries", `{"name": "Ana", "text": "hello"}`)
	if status != http.StatusCreated || header.Get("Forebay-Reply") != "complete" {
		t.Errorf("POST /entries: got %d %v %q, want 201", status, header, body)
	}
	status, _, body = ask(t, http.MethodPost, base+"/entries", `{"name": "Ana", "text": " "}`)
	if want := "the text is missing\n"; status != http.StatusUnprocessableEntity || body != want {
		t.Errorf("POST /entries without a text: got %d %q, want 422 %q", status, body, want)
	}
	key := "7d2f7f2c-0d0c-4d0e-9b0a-1f3f6a9d2b11"
	for range 2 {
		status, header, body = ask(t, http.MethodPost, base+"/entries", `{"name": "Ben", "text": "later"}`, "Prefer", "respond-async", "Idempotency-Key", key)
		if status == http.StatusAccepted {
			status, _, body = ask(t, http.MethodGet, base+header.Get("Location"), "", "Prefer", "wait=30")
		}
		if status != http.StatusCreated || !strings.Contains(body, `"number":2`) {
			t.Errorf("POST /entries, and its reply later: got %d %q, want 201 with number 2", status, body)
		}
	}
	if got, want := entries(t, base), []signed{{2, "Ben", "later"}, {1, "Ana", "hello"}}; !slices.Equal(got, want) {
		t.Errorf("the book has %v, want %v", got, want)
	}
}

func TestGuestbookStartsWithOneCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and starts the binary; run without -short")
	}
	_, base := demo(t)
	if status, header, body := ask(t, http.MethodGet, base+"/", ""); status != http.StatusOK || !strings.Contains(body, "<h1>Guestbook</h1>") {
		t.Errorf("GET /: got %d %v %q, want the page", status, header, body)
	}
	sign(t, base)
}

// stage is the guestbook behind a gateway, with a backend that comes and goes.
type stage struct {
	t       *testing.T
	client  *sqs.Client
	queue   string // URL
	base    string
	file    string // with the entries
	gateway *daemon
	backend *daemon
}

func setStage(t *testing.T) *stage {
	t.Helper()
	p := start(t)
	s := &stage{t: t, client: p.client(), file: filepath.Join(t.TempDir(), "guestbook.json")}
	s.queue = createQueue(t, s.client, "guestbook")
	address := freeAddress(t)
	s.base = "http://" + address
	s.gateway = &daemon{t: t, path: binary, args: []string{"gateway", "--route", "/=guestbook", "--listen", address, "--state", t.TempDir()},
		env: []string{"FOREBAY_DATA=" + p.folder, "FOREBAY_ENDPOINT=http://" + p.address}, ready: (&trial{base: s.base}).ready}
	s.gateway.start()
	s.backend = &daemon{t: t, path: buildGuestbook(t), args: []string{"-file", s.file}, ready: func() bool { return true }}
	for name, value := range p.variables() {
		s.backend.env = append(s.backend.env, name+"="+value)
	}
	s.backend.start()
	t.Cleanup(func() {
		s.backend.kill()
		s.gateway.kill()
		if t.Failed() {
			t.Logf("the gateway's last words:\n%s\nthe backend's:\n%s", s.gateway.output.tail(4000), s.backend.output.tail(2000))
		}
	})
	return s
}

// waitQueued waits until what is said of the number of requests in the queue holds, those at work included.
func (s *stage) waitQueued(what string, holds func(n int) bool) {
	s.t.Helper()
	visible, inFlight := types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	waitFor(s.t, what, func() bool {
		out, err := s.client.GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &s.queue,
			AttributeNames: []types.QueueAttributeName{visible, inFlight}})
		if err != nil {
			s.t.Fatal(err)
		}
		n := 0
		for _, name := range []types.QueueAttributeName{visible, inFlight} {
			part, err := strconv.Atoi(out.Attributes[string(name)])
			if err != nil {
				s.t.Fatal(err)
			}
			n += part
		}
		return holds(n)
	})
}

// queued waits until the queue has n requests, or more.
func (s *stage) queued(n int) {
	s.t.Helper()
	s.waitQueued(strconv.Itoa(n)+" requests in the queue", func(got int) bool { return got >= n })
}

// leave kills the backend once it has done everything there is.
func (s *stage) leave() {
	s.t.Helper()
	s.waitQueued("no request in the queue", func(got int) bool { return got == 0 })
	s.backend.kill()
}

// TestBrowserSignsTheGuestbook holds what the page promises to a person: an entry is answered, once, also when the
// server is killed, the page is loaded anew or left and opened again, or the gateway is killed.
func TestBrowserSignsTheGuestbook(t *testing.T) {
	b := browse(t)
	s := setStage(t)
	write := func(name, text string) {
		t.Helper()
		b.wait(`document.querySelector("button")?.disabled === false`)
		b.wait(`document.querySelector("form").reset() === undefined`) // the name is still there from the last time
		b.write("[name=name]", name)
		b.write("[name=text]", text)
		b.click("button")
	}
	shown := func(text string) {
		t.Helper()
		b.wait(`[...document.querySelectorAll("#entries li")].filter((li) => li.firstChild.data === ` + strconv.Quote(text) + `).length === 1`)
		b.wait(`entries.ariaBusy === "false" && document.querySelectorAll("#pending li").length === 0 && sessionStorage.length === 0`)
	}

	b.visit(s.base)
	write("Ana", "the server is there")
	shown("the server is there")

	s.leave()
	write("Ben", "the server is away")
	s.queued(1)
	b.wait(`document.querySelector("#pending li").firstChild.data === "the server is away"`)
	s.backend.start()
	shown("the server is away")

	s.leave()
	write("Cleo", "the page is loaded anew")
	s.queued(1)
	b.reload()
	s.queued(2) // the page itself is asked for
	s.backend.start()
	shown("the page is loaded anew")

	s.leave()
	write("Dan", "the page is left")
	s.queued(1)
	b.visit("about:blank")
	s.backend.start()
	waitFor(t, "the entry is in the file", func() bool {
		text, err := os.ReadFile(s.file)
		return err == nil && strings.Contains(string(text), "the page is left")
	})
	b.visit(s.base)
	shown("the page is left")

	s.gateway.kill()
	write("Eve", "the gateway is away")
	b.wait(`document.querySelector("#pending small").textContent.startsWith("no connection")`)
	s.gateway.start()
	shown("the gateway is away")

	want := []signed{{5, "Eve", "the gateway is away"}, {4, "Dan", "the page is left"}, {3, "Cleo", "the page is loaded anew"},
		{2, "Ben", "the server is away"}, {1, "Ana", "the server is there"}}
	if got := entries(t, s.base); !slices.Equal(got, want) {
		t.Errorf("the book has %v, want %v", got, want)
	}
	if thrown := b.exceptions(); thrown != "" {
		t.Errorf("uncaught in the page: %s", thrown)
	}
}
