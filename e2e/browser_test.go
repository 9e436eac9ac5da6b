package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a page of a real browser, headless, spoken to in the DevTools protocol over a pipe.
type browser struct {
	t       *testing.T
	in      *os.File
	session string // of the page

	mu       sync.Mutex
	next     int
	waiting  map[int]chan message // by id
	thrown   []string             // what the page's scripts did not catch
	goneWith error                // why no more messages come
}

// message is one of the protocol, in either direction.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// browse starts a browser with one empty page, and ends it with the test.
func browse(t *testing.T) *browser {
	t.Helper()
	if os.Getenv("FOREBAY_BROWSER_TESTS") != "1" {
		t.Skip("needs a browser: install Debian's chromium, and set FOREBAY_BROWSER_TESTS=1")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	theirIn, in := pipe(t)
	out, theirOut := pipe(t)
	var output lockedBuffer
	cmd := exec.Command(path, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // its descriptors 3 and 4
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, waiting: make(map[int]chan message)}
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		b.listen(out)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			b.lastWords(output.tail(1000))
		}
		_ = b.call("Browser.close", nil, nil)
		in.Close()
		_ = cmd.Wait()
		<-listened
		out.Close()
	})
	b.open()
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// listen hands answers to who waits for them, until the browser ends.
func (b *browser) listen(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes(0)
		var m message
		if err == nil {
			err = json.Unmarshal(line[:len(line)-1], &m)
		}
		b.mu.Lock()
		if err != nil {
			b.goneWith = err
			for _, answer := range b.waiting {
				close(answer)
			}
			b.waiting = nil
			b.mu.Unlock()
			return
		}
		if answer, ok := b.waiting[m.ID]; ok {
			delete(b.waiting, m.ID)
			answer <- m
		} else if m.Method == "Runtime.exceptionThrown" {
			b.thrown = append(b.thrown, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// call has the browser do something. params and result may be nil.
func (b *browser) call(method string, params map[string]any, result any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer := make(chan message, 1)
	b.mu.Lock()
	if b.waiting == nil {
		b.mu.Unlock()
		return fmt.Errorf("%s: the browser has ended: %w", method, b.goneWith)
	}
	b.next++
	m := message{ID: b.next, Session: b.session, Method: method, Params: text}
	b.waiting[m.ID] = answer
	b.mu.Unlock()
	if text, err = json.Marshal(m); err != nil {
		return err
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		return err
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: the browser has ended", method)
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-time.After(patience):
		return fmt.Errorf("%s: no answer within %v", method, patience)
	}
}

// must is call for what cannot fail.
func (b *browser) must(method string, params map[string]any, result any) {
	b.t.Helper()
	if err := b.call(method, params, result); err != nil {
		b.t.Fatal(err)
	}
}

// open opens the page.
func (b *browser) open() {
	b.t.Helper()
	var target struct{ TargetID string }
	b.must("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.must("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.must("Page.enable", nil, nil)
	b.must("Runtime.enable", nil, nil)
}

// visit opens an address, and returns once it answers.
func (b *browser) visit(address string) {
	b.t.Helper()
	var opened struct{ ErrorText string }
	b.must("Page.navigate", map[string]any{"url": address}, &opened)
	if opened.ErrorText != "" {
		b.t.Fatalf("visit %s: %s", address, opened.ErrorText)
	}
}

// reload begins to load the page anew. It stays until the new one has begun to come.
func (b *browser) reload() {
	b.t.Helper()
	b.must("Page.reload", nil, nil)
}

// eval returns the value of an expression in the page, which may be a promise.
func (b *browser) eval(expression string, value any) error {
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	err := b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &got)
	switch {
	case err != nil:
		return err
	case got.ExceptionDetails != nil:
		return errors.New(got.ExceptionDetails.Exception.Description)
	}
	return json.Unmarshal(got.Result.Value, value)
}

// wait waits until an expression is true in the page, or in the one that replaces it meanwhile.
func (b *browser) wait(expression string) {
	b.t.Helper()
	waitFor(b.t, expression, func() bool {
		var holds bool
		return b.eval(expression, &holds) == nil && holds
	})
}

// click clicks with the mouse in the middle of an element.
func (b *browser) click(selector string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	err := b.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView(); const r = e.getBoundingClientRect();
		return { x: r.x + r.width / 2, y: r.y + r.height / 2 } })()`, selector), &at)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.must("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// write clicks into a field and puts text there, as a keyboard does.
func (b *browser) write(selector, text string) {
	b.t.Helper()
	b.click(selector)
	b.must("Input.insertText", map[string]any{"text": text}, nil)
}

// exceptions are what the page's scripts did not catch so far.
func (b *browser) exceptions() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.thrown, "\n")
}

// lastWords says what there is to see when a test has failed.
func (b *browser) lastWords(output string) {
	b.t.Logf("uncaught in the page: %s\nthe browser's last words:\n%s", b.exceptions(), output)
	var html string
	if b.eval("document.documentElement.outerHTML", &html) == nil {
		b.t.Logf("the page:\n%s", html)
	}
	var shot struct{ Data string }
	if b.call("Page.captureScreenshot", nil, &shot) != nil {
		return
	}
	if picture, err := base64.StdEncoding.DecodeString(shot.Data); err == nil {
		file := filepath.Join(b.t.ArtifactDir(), "page.png")
		b.t.Logf("a picture of the page: %s, %v", file, os.WriteFile(file, picture, 0o600))
	}
}
