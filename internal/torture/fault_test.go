package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/queue"
)

// faultCalls is how many of the first writes and syncs of a start are made to fail, each in a run of its own.
const faultCalls = 200

// TestFailedWrites lets one write or sync of the disk fail, during the start or later. From the first answer that
// tells of it on, nothing is answered with success and the service has failed; a service that starts on what the
// disk holds after a power cut has everything that was acknowledged.
func TestFailedWrites(t *testing.T) {
	var refusedStarts, failures int
	for nth := range int64(faultCalls) {
		switch outcome := failOnce(t, nth+1); outcome {
		case "refused":
			refusedStarts++
		case "failed":
			failures++
		}
	}
	t.Logf("of %d failing writes and syncs %d kept the service from starting, %d made it stop, "+
		"and the others were of background work that is tried again", faultCalls, refusedStarts, failures)
	if refusedStarts == 0 || failures == 0 {
		t.Errorf("the failures were of one kind only")
	}
}

// writes are the operations that a disk can fail after it has accepted a file.
var writes = []errorfs.OpKind{
	errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo,
}

// failOnce lets the nth write or sync fail, and tells how far the service came.
func failOnce(t *testing.T, nth int64) (outcome string) {
	mem := vfs.NewCrashableMem()
	var count atomic.Int64
	var failed atomic.Value
	s, err := open(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if slices.Contains(writes, op.Kind) && count.Add(1) == nth {
			failed.Store(fmt.Sprintf("write or sync %d, of %s", nth, op.Path))
			return syscall.EIO
		}
		return nil
	})), queue.Options{}, pebblestore.Options{})
	j := &job{present: map[string]bool{}, ended: map[string]bool{}}
	if err == nil {
		outcome = j.run(t, s, &failed)
	} else if outcome = "refused"; !isEIO(err) {
		t.Errorf("%v: the start was refused for another reason: %v", failed.Load(), err)
	}
	after, err := open(mem.CrashClone(vfs.CrashCloneCfg{}), queue.Options{}, pebblestore.Options{})
	if err != nil {
		t.Errorf("%v: the service does not start again: %v", failed.Load(), err)
		return outcome
	}
	if err := j.compare(after); err != nil {
		t.Errorf("%v: %v", failed.Load(), err)
	}
	if err := after.close(); err != nil {
		t.Errorf("%v: close after the restart: %v", failed.Load(), err)
	}
	return outcome
}

// isEIO looks at the text, because Pebble tells its log of fatal errors as texts.
func isEIO(err error) bool { return strings.Contains(fmt.Sprint(err), syscall.EIO.Error()) }

// job is the work of one client, and what was acknowledged of it.
type job struct {
	present map[string]bool // bodies that must be there
	ended   map[string]bool // bodies that may not be there
}

// run works until the service fails or the work is done.
func (j *job) run(t *testing.T, s *server, failed *atomic.Value) (outcome string) {
	ctx := context.Background()
	var refusal error
	for i := 0; i < 60 && refusal == nil; i++ {
		refusal = j.step(ctx, s, i)
	}
	if refusal == nil {
		if err := s.close(); err != nil && !isEIO(err) {
			t.Errorf("%v: close: %v", failed.Load(), err)
		}
		return ""
	}
	for i := range 3 {
		if _, err := send(ctx, s, fmt.Sprint("late ", i)); err == nil {
			t.Errorf("%v: a send was acknowledged after %v", failed.Load(), refusal)
		}
	}
	select {
	case err := <-s.Failed():
		if !isEIO(err) {
			t.Errorf("%v: Failed received %v", failed.Load(), err)
		}
	default:
		t.Errorf("%v: answered %v, and Failed received nothing", failed.Load(), refusal)
	}
	if err := <-s.fatal; !isEIO(err) {
		t.Errorf("%v: Fatal was called with %v", failed.Load(), err)
	}
	if err := s.close(); err == nil {
		t.Errorf("%v: a service that has failed closes without an error", failed.Load())
	}
	return "failed"
}

// step does the ith piece of work: a queue first, then a send, and now and then the end of a message.
func (j *job) step(ctx context.Context, s *server, i int) error {
	if i == 0 {
		_, err := s.CreateQueue(ctx, root, &queue.CreateQueueInput{Name: "work"})
		return err
	}
	if i%3 != 0 {
		body := fmt.Sprint("message ", i)
		_, err := send(ctx, s, body)
		j.present[body] = err == nil
		return err
	}
	out, err := s.ReceiveMessage(ctx, root, &queue.ReceiveMessageInput{Queue: queue.Ref{Name: "work"}, Wait: queue.IntOf(0)})
	if err != nil || len(out.Messages) == 0 {
		return err
	}
	m := out.Messages[0]
	delete(j.present, string(m.Message.Body))
	err = s.DeleteMessage(ctx, root, &queue.DeleteMessageInput{Queue: queue.Ref{Name: "work"}, Receipt: m.Receipt})
	j.ended[string(m.Message.Body)] = err == nil
	return err
}

// compare checks that s has what was acknowledged, and nothing that was never sent.
func (j *job) compare(s *server) error {
	ctx := context.Background()
	out, err := s.Peek(ctx, root, &queue.PeekInput{Queue: queue.Ref{Name: "work"}, Max: 1000})
	if err != nil {
		if len(j.present)+len(j.ended) == 0 {
			return nil // not even the queue was acknowledged
		}
		return err
	}
	there := make(map[string]bool)
	for _, m := range out.Messages {
		body := string(m.Message.Body)
		there[body] = true
		_, sent := j.present[body]
		_, ended := j.ended[body]
		if !sent && !ended {
			err = errors.Join(err, fmt.Errorf("%q was never sent", body))
		}
	}
	for body, acknowledged := range j.present {
		if acknowledged && !there[body] {
			err = errors.Join(err, fmt.Errorf("%q was acknowledged and is lost", body))
		}
	}
	for body, acknowledged := range j.ended {
		if acknowledged && there[body] {
			err = errors.Join(err, fmt.Errorf("%q is back after its delete was acknowledged", body))
		}
	}
	return err
}

func send(ctx context.Context, s *server, body string) (*queue.SendMessageOutput, error) {
	in := &queue.SendMessageInput{Queue: queue.Ref{Name: "work"}}
	in.Body = []byte(body)
	return s.SendMessage(ctx, root, in)
}
