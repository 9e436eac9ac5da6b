package straight

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piped returns settings whose connections are pipes, each of which is given to handle.
func piped(handle func(c net.Conn, in *bufio.Reader)) *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			handle(server, bufio.NewReader(server))
		}()
		return client, nil
	}}
}

// answerAfter answers each request after a while.
func answerAfter(d time.Duration) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		for {
			if _, heard := new(peer).hear(in); !heard {
				return
			}
			if wait(c, d); d >= 0 {
				io.WriteString(c, ok)
			}
		}
	}
}

// wait waits for d, or without end when d is negative, or until the connection ends.
func wait(c net.Conn, d time.Duration) {
	if d >= 0 {
		c.SetReadDeadline(time.Now().Add(d))
	}
	c.Read(make([]byte, 1))
	c.SetReadDeadline(time.Time{})
}

const nowhere = "http://queue.test:4566/"

func TestACallEndsWithItsContext(t *testing.T) {
	why := errors.New("the reason")
	for _, row := range []struct {
		name string
		way  *http.Transport
		body string
	}{
		{"while it waits for the reply", piped(answerAfter(-1)), "x"},
		{"while it writes", piped(func(c net.Conn, in *bufio.Reader) { in.ReadString('\n'); time.Sleep(time.Minute) }), strings.Repeat("x", 1<<20)},
		{"within the head", piped(func(c net.Conn, in *bufio.Reader) {
			new(peer).hear(in)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-")
			wait(c, -1)
		}), "x"},
		{"within the body", piped(func(c net.Conn, in *bufio.Reader) {
			new(peer).hear(in)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
			wait(c, -1)
		}), "x"},
		{"while it connects", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}, "x"},
	} {
		synctest.Test(t, func(t *testing.T) {
			tr := fresh(t, row.way)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, why)
			defer cancel()
			start := time.Now()
			_, _, err := post(ctx, tr, nowhere, row.body)
			if err != why || time.Since(start) != 3*time.Second || len(idle(tr)) != 0 {
				t.Errorf("%s: got %v after %v, %d connections kept; want the reason after 3s, and none", row.name, err, time.Since(start), len(idle(tr)))
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if _, _, err := post(ctx, tr, nowhere, "x"); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: a call that is over before it begins: %v", row.name, err)
			}
			time.Sleep(time.Hour) // until the server has noticed, too
		})
	}
}

func TestAContextThatEndsAfterTheReplyCostsNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := fresh(t, piped(answerAfter(0)))
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			if _, _, err := post(ctx, tr, nowhere, "x"); err != nil {
				t.Fatal(err)
			}
			cancel()
			synctest.Wait()
		}
		if c := idle(tr); len(c) != 1 || !c[0].kept {
			t.Errorf("%d connections are kept, want the one", len(c))
		}
	})
}

func TestLongPollsAreWaitedForAndSilenceIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connections := 0
		way := piped(answerAfter(20 * time.Second))
		dial := way.DialContext
		way.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			connections++
			return dial(ctx, network, address)
		}
		way.ResponseHeaderTimeout = 30 * time.Second
		tr := fresh(t, way)
		for range 20 {
			if _, _, err := post(t.Context(), tr, nowhere, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if connections != 1 {
			t.Errorf("%d connections for calls in a row, want 1", connections)
		}
		way = piped(answerAfter(-1))
		way.ResponseHeaderTimeout = 30 * time.Second
		start := time.Now()
		_, _, err := post(t.Context(), fresh(t, way), nowhere, "x")
		if n, is := errors.AsType[net.Error](err); !is || !n.Timeout() || time.Since(start) < 30*time.Second || time.Since(start) > time.Minute {
			t.Errorf("a server that stays silent: %v after %v; want a timeout after 30s to a minute", err, time.Since(start))
		}
	})
}

func TestATimeoutIsNotSentOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		way := piped(func(c net.Conn, in *bufio.Reader) {
			for {
				if _, heard := new(peer).hear(in); !heard {
					return
				}
				if requests++; requests == 2 {
					wait(c, -1)
				}
				io.WriteString(c, ok)
			}
		})
		way.ResponseHeaderTimeout = time.Second
		tr := fresh(t, way)
		if _, _, err := post(t.Context(), tr, nowhere, "x"); err != nil {
			t.Fatal(err)
		}
		_, _, err := post(t.Context(), tr, nowhere, "x")
		synctest.Wait()
		if !timeout(err) || requests != 2 {
			t.Errorf("got %v after %d requests, want a timeout of the second", err, requests)
		}
	})
}

func TestConnectionsAreKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ended := make(chan time.Duration, 4)
		way := piped(func(c net.Conn, in *bufio.Reader) {
			answerAfter(time.Second)(c, in)
			ended <- time.Since(start)
		})
		way.MaxIdleConnsPerHost = 2
		tr := fresh(t, way)
		for range 3 {
			go post(t.Context(), tr, nowhere, "x")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(idle(tr)); n != 2 || len(ended) != 1 {
			t.Errorf("%d connections are kept and %d ended after three calls at once, want 2 and 1", n, len(ended))
		}
		time.Sleep(20 * time.Second)
		post(t.Context(), tr, nowhere, "x") // by the youngest, whose age begins anew
		time.Sleep(time.Hour)
		synctest.Wait()
		<-ended
		if older, younger := <-ended, <-ended; older != 46*time.Second || younger != 68*time.Second || tr.pool.armed {
			t.Errorf("the others ended after %v and %v, want 46s and 68s; a timer runs: %v", older, younger, tr.pool.armed)
		}
		tr.pool.age = time.Nanosecond
		post(t.Context(), tr, nowhere, "x")
		time.Sleep(time.Nanosecond)
		if c := tr.pool.take(place{"http", "queue.test:4566"}); c != nil {
			t.Error("a connection was taken that is too old")
		}
	})
}
