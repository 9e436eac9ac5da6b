package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

func TestEveryCommandIsWeighed(t *testing.T) {
	control := func(in any) queue.Command { return &queue.Control{In: in} }
	const reads, shrinks, grows = "reads", "shrinks", "grows"
	for _, row := range []struct {
		cmd  queue.Command
		want string
	}{
		{&queue.Send{}, grows},
		{&queue.Receive{}, shrinks},
		{&queue.Delete{}, shrinks},
		{&queue.ChangeVisibility{}, shrinks},
		{&queue.Locate{}, reads},
		{&queue.States{}, reads},
		{control(&queue.CreateQueueInput{}), grows},
		{control(&queue.DeleteQueueInput{}), shrinks},
		{control(&queue.ListQueuesInput{}), reads},
		{control(&queue.GetQueueURLInput{}), reads},
		{control(&queue.GetQueueAttributesInput{}), reads},
		{control(&queue.SetQueueAttributesInput{}), grows},
		{control(&queue.PurgeQueueInput{}), shrinks},
		{control(&queue.TagQueueInput{}), grows},
		{control(&queue.UntagQueueInput{}), shrinks},
		{control(&queue.ListQueueTagsInput{}), reads},
		{control(&queue.ListDeadLetterSourceQueuesInput{}), reads},
		{control(&queue.AddPermissionInput{}), grows},
		{control(&queue.RemovePermissionInput{}), shrinks},
		{control(&queue.StartMessageMoveTaskInput{}), grows},
		{control(&queue.CancelMessageMoveTaskInput{}), shrinks},
		{control(&queue.ListMessageMoveTasksInput{}), reads},
	} {
		got := reads
		if changes, more := weigh(row.cmd); more {
			got = grows
		} else if changes {
			got = shrinks
		}
		if got != row.want {
			in := any(row.cmd)
			if c, ok := row.cmd.(*queue.Control); ok {
				in = c.In
			}
			t.Errorf("%T %s, want that it %s", in, got, row.want)
		}
	}
}

func TestFullDiskPutsDeadlinesOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.create("q", "MessageRetentionPeriod", "60")
		r.send("q", "a")
		r.store.space.Store(uint32(SpaceFull))
		before := r.store.count()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := r.store.count() - before; n != 0 {
			t.Errorf("got %d batches while the disk was full, want none", n)
		}
		r.store.space.Store(uint32(SpaceOK))
		time.Sleep(fullPause)
		synctest.Wait()
		if got := r.counts("q"); got != "0 0 0" {
			t.Errorf("counts once there was room again: got %s, want the message expired", got)
		}
	})
}
