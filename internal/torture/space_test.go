package torture

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/queue"
)

// The bytes that are free on the disk of TestSpace.
const (
	plenty  = 1 << 30
	little  = 50 << 20
	nothing = 1 << 20
)

// TestSpace fills the disk of a running service and empties it again. Sends stop early, receives and deletes late,
// and everything works again when there is room, without a restart.
func TestSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(plenty)
		s, err := open(vfs.NewMem(), queue.Options{}, pebblestore.Options{
			Usage:    func() (int64, int64, error) { return free.Load(), plenty, nil },
			SpaceLow: 100 << 20, SpaceFull: 10 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		ctx := context.Background()
		if _, err := s.CreateQueue(ctx, root, &queue.CreateQueueInput{Name: "work"}); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if _, err := send(ctx, s, fmt.Sprint("message ", i)); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			name           string
			free           int64
			sends, deletes bool
			refusal        string
		}{
			{"with little room sends are refused", little, false, true, "nearly full"},
			{"on a full disk every change is refused", nothing, false, false, "is full"},
			{"with little room again the queue drains", little, false, true, "nearly full"},
			{"with room again sends work", plenty, true, true, ""},
			{"a disk that fills at once refuses every change", nothing, false, false, "is full"},
			{"and works again when it is emptied at once", plenty, true, true, ""},
		} {
			free.Store(step.free)
			time.Sleep(2 * time.Second)
			_, err := send(ctx, s, step.name)
			checkRefusal(t, step.name+": send", err, step.sends, step.refusal)
			checkRefusal(t, step.name+": receive and delete", receiveAndDelete(ctx, s), step.deletes, step.refusal)
		}
		select {
		case err := <-s.Failed():
			t.Errorf("the service has failed: %v", err)
		default:
		}
	})
}

// checkRefusal checks that an operation worked, or was refused with a clear error.
func checkRefusal(t *testing.T, what string, err error, works bool, text string) {
	t.Helper()
	var e *queue.Error
	switch {
	case works && err != nil:
		t.Errorf("%s: got %v, want success", what, err)
	case !works && !(errors.As(err, &e) && e.Code == queue.CodeUnavailable && strings.Contains(e.Message, text)):
		t.Errorf("%s: got %v, want Unavailable with %q", what, err, text)
	}
}

// receiveAndDelete takes one message through to its end.
func receiveAndDelete(ctx context.Context, s *server) error {
	out, err := s.ReceiveMessage(ctx, root, &queue.ReceiveMessageInput{Queue: queue.Ref{Name: "work"}, Wait: queue.IntOf(0)})
	if err != nil {
		return err
	}
	if len(out.Messages) != 1 {
		return errors.New("nothing was received")
	}
	return s.DeleteMessage(ctx, root, &queue.DeleteMessageInput{Queue: queue.Ref{Name: "work"}, Receipt: out.Messages[0].Receipt})
}
