package broker

import "github.com/forebay-mq/forebay/internal/queue"

// admit refuses commands that the disk has no room for. What shrinks the data goes on until the disk is full.
func admit(cmd queue.Command, space Space) error {
	if space == SpaceOK {
		return nil
	}
	changes, grows := weigh(cmd)
	switch {
	case space == SpaceFull && changes:
		return queue.Errorf(queue.CodeUnavailable, "The server's disk is full. "+
			"No changes are accepted until the operator makes room on the disk that holds the data folder.")
	case grows:
		return queue.Errorf(queue.CodeUnavailable, "The server's disk is nearly full. "+
			"Receive and delete messages, or make room on the disk that holds the data folder; then send again.")
	}
	return nil
}

// weigh says whether a command changes what is stored, and whether it makes it larger.
func weigh(cmd queue.Command) (changes, grows bool) {
	switch cmd := cmd.(type) {
	case *queue.Send:
		return true, true
	case *queue.Receive, *queue.Delete, *queue.ChangeVisibility:
		return true, false
	case *queue.Control:
		switch cmd.In.(type) {
		case *queue.CreateQueueInput, *queue.SetQueueAttributesInput, *queue.TagQueueInput,
			*queue.AddPermissionInput, *queue.StartMessageMoveTaskInput:
			return true, true
		case *queue.DeleteQueueInput, *queue.PurgeQueueInput, *queue.UntagQueueInput,
			*queue.RemovePermissionInput, *queue.CancelMessageMoveTaskInput:
			return true, false
		}
	}
	return false, false
}
