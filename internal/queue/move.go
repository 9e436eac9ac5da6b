package queue

import (
	"encoding/base64"
	"encoding/json"
	"slices"
)

const (
	moveChunk     = 100 // messages that a move task without a rate sets on their way at once
	moveIdle      = never
	failedNoQueue = "AWS.SimpleQueueService.NonExistentQueue"
	failedSource  = "CouldNotDetermineMessageSource"
	failedTooLong = "TaskTimedOut"
	failedDenied  = "AccessDenied"
)

// mover runs a move task. Messages leave in small numbers, so that a long task does not hold up the queue.
type mover struct {
	q       *queue
	kept    *Task // as of the newest record; replaced, never changed
	at      Millis
	outside int    // messages that have left and not arrived
	began   Millis // of the pace; a restart begins anew
	left    int64  // messages that left since then
	stopped bool   // no more may leave: canceled or failed
}

// moveHandle is what a TaskHandle holds.
type moveHandle struct {
	TaskID    string `json:"taskId"`
	SourceARN string `json:"sourceArn"`
}

func sealMoveHandle(taskID, sourceARN string) string {
	text, err := json.Marshal(moveHandle{taskID, sourceARN})
	if err != nil {
		return "" // two strings always marshal
	}
	return base64.StdEncoding.EncodeToString(text)
}

func (c *Catalog) startMoveTask(by *Caller, in *StartMessageMoveTaskInput, now Millis) (*StartMessageMoveTaskOutput, error) {
	q, err := c.moveSource(by, in.SourceARN, "StartMessageMoveTask", now)
	if err != nil {
		return nil, err
	}
	if err := c.mayEmpty(by, q, now); err != nil {
		return nil, err
	}
	if !c.isDeadLetterQueue(q) {
		return nil, Errorf(CodeInvalidParameterValue, "Source queue must be configured as a Dead Letter Queue.")
	}
	if err := c.checkDestination(by, q, in.DestinationARN, now); err != nil {
		return nil, err
	}
	if in.Rate.Set && (in.Rate.N < 1 || in.Rate.N > MoveRateMax) {
		return nil, Errorf(CodeInvalidParameterValue, "Value for parameter MaxNumberOfMessagesPerSecond is invalid. "+
			"Reason: You must enter a number that's between 1 and 500.")
	}
	if q.task != nil {
		return nil, Errorf(CodeInvalidParameterValue, "There is already a task running. "+
			"Only one active task is allowed for a source queue arn at a given time.")
	}
	if c.activeTasks() >= MoveTasksMax {
		return nil, Errorf(CodeOverLimit, "At most %d message move tasks can be active at a time.", MoveTasksMax)
	}
	c.use(q, now)
	task := &Task{ID: q.c.newMessageID().String(), Source: q.id, UpTo: q.next - 1, By: setterOf(by)}
	task.MoveTask = MoveTask{
		Handle: sealMoveHandle(task.ID, in.SourceARN), Status: MoveRunning, SourceARN: in.SourceARN,
		DestinationARN: in.DestinationARN, ToMove: q.visible(), Started: now,
	}
	if in.Rate.Set {
		task.Rate = in.Rate.N
	}
	q.tasks = append(q.tasks, task)
	if len(q.tasks) > MoveTasksKeptMax {
		q.record(Record{Op: OpDropTask, Task: q.tasks[0]})
		q.tasks = slices.Delete(q.tasks, 0, 1)
	}
	q.task = &mover{q: q, kept: task, at: now, began: now}
	q.record(Record{Op: OpPutTask, Task: task})
	return &StartMessageMoveTaskOutput{TaskHandle: task.Handle}, nil
}

// moveSource finds the queue that a move task is or was about.
func (c *Catalog) moveSource(by *Caller, arn, action string, now Millis) (*queue, error) {
	if arn == "" {
		return nil, MissingParameter("SourceArn")
	}
	if err := checkQueueARN(arn, "SourceArn"); err != nil {
		return nil, err
	}
	if err := c.authorizeARN(by, action, arn, now); err != nil {
		return nil, err
	}
	q := c.queueOf(arn)
	if q == nil {
		return nil, missingResource("SourceArn")
	}
	return q, nil
}

func (c *Catalog) checkDestination(by *Caller, source *queue, arn string, now Millis) error {
	if arn == "" {
		return c.mayReturn(by, source, now)
	}
	if err := checkQueueARN(arn, "DestinationArn"); err != nil {
		return err
	}
	if err := c.authorizeARN(by, "SendMessage", arn, now); err != nil {
		return err
	}
	target := c.queueOf(arn)
	switch {
	case target == nil:
		return missingResource("DestinationArn")
	case target == source:
		return Errorf(CodeInvalidParameterValue, "Source queue arn and destination queue arn cannot be the same.")
	case target.fifo() != source.fifo():
		return Errorf(CodeInvalidParameterValue, "The source queue and destination queue must be of the same queue type.")
	}
	return nil
}

func checkQueueARN(arn, parameter string) error {
	if _, service, _, _, _, ok := ParseARN(arn); !ok || service != "sqs" {
		return Errorf(CodeInvalidParameterValue, "You must use this format to specify the %s: "+
			"arn:<partition>:<service>:<region>:<account-id>:<resource-id>", parameter)
	}
	return nil
}

func missingResource(parameter string) error {
	return Errorf(CodeResourceNotFound, "The resource that you specified for the %s parameter doesn't exist.", parameter)
}

func (c *Catalog) isDeadLetterQueue(q *queue) bool {
	for _, source := range c.queues {
		if source.deadLetterQueue() == q {
			return true
		}
	}
	return false
}

func (c *Catalog) activeTasks() int {
	n := 0
	for _, q := range c.queues {
		if q.task != nil {
			n++
		}
	}
	return n
}

func (c *Catalog) cancelMoveTask(by *Caller, in *CancelMessageMoveTaskInput, now Millis) (*CancelMessageMoveTaskOutput, error) {
	if in.TaskHandle == "" {
		return nil, MissingParameter("TaskHandle")
	}
	var handle moveHandle
	text, err := base64.StdEncoding.DecodeString(in.TaskHandle)
	if err != nil || json.Unmarshal(text, &handle) != nil || handle.TaskID == "" || handle.SourceARN == "" {
		return nil, Errorf(CodeInvalidParameterValue, "Value for parameter TaskHandle is invalid.")
	}
	q, err := c.moveSource(by, handle.SourceARN, "CancelMessageMoveTask", now)
	if err != nil {
		return nil, err
	}
	t := q.task
	if t == nil || t.kept.ID != handle.TaskID || t.stopped {
		return nil, Errorf(CodeResourceNotFound, "Task does not exist.")
	}
	c.used = append(c.used, q)
	moved := t.kept.Moved
	t.stop(MoveCancelled, "")
	return &CancelMessageMoveTaskOutput{Moved: moved}, nil
}

func (c *Catalog) listMoveTasks(by *Caller, in *ListMessageMoveTasksInput, now Millis) (*ListMessageMoveTasksOutput, error) {
	q, err := c.moveSource(by, in.SourceARN, "ListMessageMoveTasks", now)
	if err != nil {
		return nil, err
	}
	n := 1
	if in.MaxResults.Set {
		if in.MaxResults.N < 1 || in.MaxResults.N > MoveTasksListMax {
			return nil, Errorf(CodeInvalidParameterValue,
				"Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 10.")
		}
		n = int(in.MaxResults.N)
	}
	out := &ListMessageMoveTasksOutput{}
	for _, task := range slices.Backward(q.tasks) {
		if len(out.Tasks) == n {
			break
		}
		listed := task.MoveTask
		if listed.Status != MoveRunning {
			listed.Handle = ""
		}
		out.Tasks = append(out.Tasks, listed)
	}
	return out, nil
}

// tick sets messages on their way, as many as the rate allows.
func (t *mover) tick(now Millis) {
	if now < t.at {
		return
	}
	t.at = moveIdle
	if t.outside > 0 || t.stopped {
		return // arrived goes on
	}
	if t.kept.Started.Add(MoveTaskMax) <= now {
		t.stop(MoveFailed, failedTooLong)
		return
	}
	if by := t.q.c.standing(t.kept.By); t.q.c.mayEmpty(&by, t.q, now) != nil {
		t.stop(MoveFailed, failedDenied)
		return
	}
	n := moveChunk
	if t.kept.Rate > 0 {
		due := 1 + int64(now-t.began)*t.kept.Rate/1000
		if n = int(min(due-t.left, moveChunk)); n <= 0 {
			t.at = t.nextAllowed(now)
			return
		}
	}
	for range n {
		e := t.q.line.oldest()
		if e == nil || e.seq > t.kept.UpTo {
			break
		}
		t.q.depart(e, 0, t.kept.ID)
		t.outside++
		t.left++
	}
	if t.outside > 0 {
		return
	}
	if t.q.ask(now); t.q.refill.active && t.q.cursor < t.kept.UpTo {
		t.at = now + 10 // the window is being filled
		return
	}
	t.stop(MoveCompleted, "")
}

// deliver puts a message that has left into its destination. A false answer means that it stays.
func (t *mover) deliver(e *entry, d *Departure, now Millis) bool {
	if t.stopped {
		return false
	}
	arn, missing := t.kept.DestinationARN, failedNoQueue
	if arn == "" {
		arn = d.Message.SourceARN
	}
	if arn == "" {
		missing = failedSource
	}
	target := t.q.c.queueOf(arn)
	if arn == "" || target == nil || target == t.q || target.fifo() != t.q.fifo() {
		t.stop(MoveFailed, missing)
		return false
	}
	if !t.q.c.mayMove(t.kept.By, target, now) {
		t.stop(MoveFailed, failedDenied)
		return false
	}
	moved := *d.Message
	moved.ID, moved.Sent, moved.Due = t.q.c.newMessageID(), now, 0
	moved.SourceARN, moved.Receives, moved.First = "", 0, 0
	if target.fifo() {
		moved.DeduplicationID = moved.ID.String()
	}
	t.q.transfer(e, target, &moved, now)
	t.change(func(task *Task) { task.Moved++ })
	return true
}

// arrived is called for each departure when it has come to its end.
func (t *mover) arrived(now Millis) {
	if t.outside--; t.outside > 0 {
		return
	}
	if t.stopped {
		t.q.task = nil
		return
	}
	t.q.record(Record{Op: OpPutTask, Task: t.kept})
	t.at = t.nextAllowed(now)
}

// nextAllowed is when the rate lets the next message leave.
func (t *mover) nextAllowed(now Millis) Millis {
	if t.kept.Rate == 0 {
		return now
	}
	return max(now, t.began+Millis((t.left*1000+t.kept.Rate-1)/t.kept.Rate))
}

// stop lets nothing more leave. The task has ended once what has left has arrived.
func (t *mover) stop(status MoveStatus, reason string) {
	t.stopped = true
	t.change(func(task *Task) {
		task.Status, task.FailureReason = status, reason
	})
	t.q.record(Record{Op: OpPutTask, Task: t.kept})
	if t.outside == 0 {
		t.q.task = nil
	}
}

// change replaces the kept task, since records of earlier steps point to it.
func (t *mover) change(f func(*Task)) {
	task := *t.kept
	f(&task)
	tasks := t.q.tasks
	tasks[slices.Index(tasks, t.kept)] = &task
	t.kept = &task
}
