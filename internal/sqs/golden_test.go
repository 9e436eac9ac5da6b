package sqs

import (
	"bufio"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forebay-mq/forebay/internal/http1"
)

var rewrite = flag.Bool("rewrite", false, "write what the golden fixtures should say from what happens")

// TestGolden plays requests that real clients have sent, as they sent them (testdata/wire). Each file holds the
// request, what the service is asked, and the response. After a change that is meant, -rewrite puts the new
// truth into the files, and the difference is for the reviewer.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			request := string(archive.Files[0].Data)
			asked, response := play(t, request, readAndSend)
			if overAsked, over := play(t, request, sendOver); asked != overAsked || response != over {
				t.Errorf("over a connection the service is asked\n%s\nand the response is\n%s", overAsked, over)
			}
			got := &txtar.Archive{Comment: archive.Comment, Files: []txtar.File{
				{Name: "request", Data: []byte(request)}, {Name: "asked", Data: []byte(asked)}, {Name: "response", Data: []byte(response)},
			}}
			if *rewrite {
				if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(got))); diff != "" {
				t.Errorf("(-file +got):\n%s", diff)
			}
		})
	}
}

// readAndSend gives a request to a handler as net/http reads it.
func readAndSend(t *testing.T, h http.Handler, raw string) answered {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	return send(h, r)
}

// sendOver sends a request over a connection to package http1.
func sendOver(t *testing.T, h http.Handler, raw string) (got answered) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		server := &http1.Server{Handler: h}
		go func() { _ = server.Serve(l) }()
		conn := l.dial()
		defer server.Close()
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, raw) }()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = answered{res.StatusCode, res.Header, string(body)}
	})
	return got
}

// play sends a recorded request and returns what it led to.
func play(t *testing.T, request string, send func(*testing.T, http.Handler, string) answered) (asked, response string) {
	t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	f := &fake{out: cannedAnswer(request)}
	got := send(t, newFront(f), strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body)

	in, err := json.MarshalIndent(f.in, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	id := got.header.Get("X-Amzn-Requestid")
	response = strconv.Itoa(got.status) + " " + got.header.Get("Content-Type") + "\n\n" + strings.ReplaceAll(got.body, id, "REQUEST-ID") + "\n"
	return string(in) + "\n", response
}

// cannedAnswer is what the service answers to a recorded request: the answer of the first case of its action.
func cannedAnswer(request string) any {
	for _, c := range actionCases() {
		if strings.Contains(request, "AmazonSQS."+c.action()+"\n") || strings.Contains(request, "Action="+c.action()+"&") {
			return c.answer
		}
	}
	return nil
}
