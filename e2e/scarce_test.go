//go:build unix

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestDescriptorsRunOut gives the server few file descriptors and opens more connections than that, several times,
// while messages are sent. The server may refuse, but it must go on, and have what it has acknowledged.
func TestDescriptorsRunOut(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and starts the binary; run without -short")
	}
	const descriptors = 100
	wrapper := filepath.Join(t.TempDir(), "forebay")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", descriptors, binary)
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, folder: t.TempDir(), address: freeAddress(t), binary: wrapper, env: []string{"FOREBAY_MEMORY_TABLE=1MiB"}}
	p.launch()
	client := p.client()
	url := createQueue(t, client, "scarce")
	acked := 0
	send := func() error {
		_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(fmt.Sprintf("%050000d", acked))})
		if err == nil {
			acked++
		}
		return err
	}
	for range 3 {
		var held []net.Conn
		for range 2 * descriptors {
			if conn, err := net.DialTimeout("tcp", p.address, time.Second); err == nil {
				held = append(held, conn)
			}
		}
		for range 40 { // with memory tables of 1 MiB, the store has to open files for them
			_ = send()
		}
		var all sync.WaitGroup
		for _, conn := range held {
			all.Go(func() { _ = conn.Close() })
		}
		all.Wait()
		waitFor(t, "a send succeeds once the connections are gone", func() bool { return send() == nil })
	}
	select {
	case err := <-p.exited:
		t.Fatalf("the server exited: %v", err)
	default:
	}
	tr := &tour{client: client}
	tr.counted(t, url, acked, 0)
	p.kill()
	p.start()
	tr.counted(t, url, acked, 0)
}
