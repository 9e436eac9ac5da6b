package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is a queue written to be obviously right: one list, walked whole for everything.
type model struct {
	fifo      bool
	retention time.Duration
	max       uint32 // receives after which a message is dead; zero: never
	messages  []*modelMessage
	dead      []string // bodies in the order of their moves
	movedAt   []Millis // when
	sends     map[string]modelSend
	modelSignals
}

type modelSend struct {
	at   Millis
	body string
}

type modelMessage struct {
	body    string
	group   string
	sent    Millis
	since   Millis     // when its first wait began
	holder  string     // the name of who has it in flight
	durable modelState // as a power cut would leave it
	modelState
}

type modelState struct {
	hidden   Millis // until then
	inFlight bool   // hidden by a receive
	received Millis
	receives uint32
	handle   Receipt // the newest
}

func (m *model) sync() {
	for _, msg := range m.messages {
		msg.durable = msg.modelState
	}
}

func (m *model) powerCut() {
	for _, msg := range m.messages {
		msg.modelState = msg.durable
	}
}

// restart forgets what is not kept.
func (m *model) restart() {
	m.modelSignals = modelSignals{}
	for _, msg := range m.messages {
		msg.holder = ""
	}
}

func (m *model) expire(now Millis) {
	before := len(m.messages)
	m.messages = slices.DeleteFunc(m.messages, func(msg *modelMessage) bool { return msg.sent.Add(m.retention) <= now })
	m.totals.Expired += int64(before - len(m.messages))
	for id, s := range m.sends {
		if s.at.Add(DedupWindow) <= now {
			delete(m.sends, id)
		}
	}
}

func (m *model) counts(now Millis) string {
	var visible, inFlight, delayed int
	for _, msg := range m.messages {
		switch {
		case msg.hidden <= now:
			visible++
		case msg.inFlight:
			inFlight++
		default:
			delayed++
		}
	}
	return fmt.Sprintf("visible=%d inflight=%d delayed=%d", visible, inFlight, delayed)
}

// locked tells whether an earlier message of the group is hidden.
func (m *model) locked(msg *modelMessage, now Millis) bool {
	for _, other := range m.messages {
		if other == msg {
			return false
		}
		if m.fifo && other.group == msg.group && other.hidden > now {
			return true
		}
	}
	return false
}

func (m *model) deliverable(now Millis) []*modelMessage {
	var found []*modelMessage
	for _, msg := range m.messages {
		if msg.hidden <= now && !m.locked(msg, now) {
			found = append(found, msg)
		}
	}
	return found
}

func (m *model) find(body string) *modelMessage {
	for _, msg := range m.messages {
		if msg.body == body {
			return msg
		}
	}
	return nil
}

// machineTest steps a world and a model alike and compares what they show.
type machineTest struct {
	t       *rapid.T
	w       *story
	m       *model
	exact   bool // the window holds everything, so the model knows just what is delivered
	name    string
	sent    int
	handles []modelHandle
	unread  bool // a process has ended whose store did not answer
}

type modelHandle struct {
	body    string
	receipt Receipt
}

func (mt *machineTest) now() Millis { return ToMillis(mt.w.now) }

func (mt *machineTest) send(t *rapid.T) {
	mt.sent++
	body := fmt.Sprintf("m%d", mt.sent)
	values := map[string]string{}
	if rapid.Bool().Draw(t, "grouped") || mt.m.fifo {
		values["group"] = rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "group")
	}
	msg := &modelMessage{body: body, group: values["group"], sent: mt.now(), since: mt.now()}
	if mt.m.fifo {
		id := fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "dedup"))
		values["dedup"] = id
		if _, repeated := mt.m.sends[id]; repeated {
			msg = nil
		} else {
			mt.m.sends[id] = modelSend{mt.now(), body}
		}
	} else if delay := rapid.SampledFrom([]int{0, 0, 5, 40}).Draw(t, "delay"); delay > 0 {
		values["delay"] = fmt.Sprint(delay)
		msg.hidden = mt.now().Add(time.Duration(delay) * time.Second)
		msg.since = msg.hidden
	}
	mt.w.send(mt.name, []string{body}, values)
	if msg != nil {
		mt.m.messages = append(mt.m.messages, msg)
		mt.m.totals.Sent++
		mt.m.sync()
	}
}

func (mt *machineTest) receive(t *rapid.T) {
	n := rapid.IntRange(1, 10).Draw(t, "max")
	timeout := rapid.SampledFrom([]int64{0, 1, 30, 600}).Draw(t, "timeout")
	who := rapid.SampledFrom([]string{"", "", "one", "two", "three"}).Draw(t, "consumer")
	possible := mt.m.deliverable(mt.now())
	value, err := mt.w.step(&Receive{By: mt.w.by, In: &ReceiveMessageInput{
		Queue: Ref{Name: mt.name}, Max: IntOf(int64(n)), Visibility: IntOf(timeout), Consumer: who, ConsumerSet: who != "",
	}})
	if err != nil {
		t.Fatal(err)
	}
	deliveries := value.(*Received).Deliveries
	died := mt.bury()
	// Behind a full window of locked messages others may wait, as in the service itself.
	if len(deliveries) == 0 && len(possible) > died && (mt.exact || !mt.m.fifo) && !mt.w.slow {
		t.Fatalf("nothing was delivered, %d messages could have been", len(possible)-died)
	}
	if mt.exact && !mt.w.slow && died == 0 && len(deliveries) != min(n, len(possible)) {
		t.Fatalf("%d messages were delivered, want %d", len(deliveries), min(n, len(possible)))
	}
	for _, d := range deliveries {
		mt.delivered(t, d, timeout, who, possible)
	}
	if died > 0 {
		mt.m.sync() // the move went with what was delivered
	}
}

// bury takes out of the model what has moved to the dead-letter queue, and tells how many that were.
func (mt *machineTest) bury() (died int) {
	id := mt.w.c.byName["dead"].id
	for seq := Seq(len(mt.m.dead) + 1); ; seq++ {
		moved := mt.w.disk.queues[id].messages[seq]
		if moved == nil {
			return died
		}
		body := string(moved.Body)
		msg := mt.m.find(body)
		if msg == nil || msg.receives < mt.m.max {
			mt.t.Fatalf("message %s is in the dead-letter queue", body)
		}
		mt.m.messages = slices.DeleteFunc(mt.m.messages, func(other *modelMessage) bool { return other == msg })
		mt.m.dead, mt.m.movedAt = append(mt.m.dead, body), append(mt.m.movedAt, mt.now())
		mt.m.totals.DeadLettered++
		died++
	}
}

func (mt *machineTest) delivered(t *rapid.T, d Delivery, timeout int64, who string, possible []*modelMessage) {
	body := string(mt.w.disk.queues[d.Receipt.Queue].messages[d.Seq].Body)
	msg := mt.m.find(body)
	switch {
	case msg == nil:
		t.Fatalf("message %s was delivered, which is not there", body)
	case !slices.Contains(possible, msg):
		t.Fatalf("message %s was delivered while it is hidden or locked", body)
	case mt.m.max > 0 && msg.receives >= mt.m.max:
		t.Fatalf("message %s was delivered although it was received %d times", body, msg.receives)
	case d.Receives != msg.receives+1:
		t.Fatalf("message %s: receive %d, want %d", body, d.Receives, msg.receives+1)
	}
	if mt.m.fifo && mt.m.locked(msg, mt.now()) && timeout == 0 {
		t.Fatalf("message %s was delivered behind a locked one", body)
	}
	mt.m.totals.Received++
	if msg.received == 0 {
		mt.m.waited = append(mt.m.waited, mt.now()-msg.since)
	} else {
		mt.m.totals.Redelivered++
	}
	msg.holder = who
	msg.receives++
	msg.received, msg.handle = mt.now(), d.Receipt
	msg.hidden, msg.inFlight = mt.now().Add(time.Duration(timeout)*time.Second), timeout > 0
	mt.handles = append(mt.handles, modelHandle{body, d.Receipt})
}

func (mt *machineTest) pickHandle(t *rapid.T) modelHandle {
	if len(mt.handles) == 0 {
		t.Skip("no handle was given out yet")
	}
	return rapid.SampledFrom(mt.handles).Draw(t, "handle")
}

func (mt *machineTest) delete(t *rapid.T) {
	h := mt.pickHandle(t)
	value, err := mt.w.step(&Delete{By: mt.w.by, Queue: Ref{Name: mt.name}, Entries: []HeldReceipt{{Receipt: h.receipt, Text: h.body}}})
	if err != nil {
		t.Fatal(err)
	}
	refused := value.([]*Error)[0] != nil
	msg := mt.m.find(h.body)
	if msg == nil {
		if refused {
			t.Fatalf("deleting %s, which is gone, was refused", h.body)
		}
		told := mt.w.c.byName[mt.name].counters.Deleted
		if h.receipt.Epoch != mt.w.c.opts.Epoch && told == mt.m.totals.Deleted+1 {
			mt.m.totals.Deleted = told // what may be behind the window, where a crash has put it back, is counted without a look
		}
		return
	}
	forgotten := h.receipt.Attempt > msg.receives
	newest := h.receipt == msg.handle && h.receipt.Attempt == msg.receives
	held := msg.inFlight && msg.hidden > mt.now()
	want := forgotten || !mt.m.fifo && (newest || !held) || newest && held
	if refused != (mt.m.fifo && !want) {
		t.Fatalf("deleting %s: refused is %v", h.body, refused)
	}
	if want {
		mt.m.totals.Deleted++
		if newest {
			mt.m.processed = append(mt.m.processed, mt.now()-msg.received)
		}
		mt.m.messages = slices.DeleteFunc(mt.m.messages, func(other *modelMessage) bool { return other == msg })
		mt.m.sync()
	}
}

func (mt *machineTest) change(t *rapid.T) {
	h := mt.pickHandle(t)
	timeout := rapid.SampledFrom([]int64{0, 10, 100}).Draw(t, "timeout")
	batch := rapid.Bool().Draw(t, "batch")
	value, err := mt.w.step(&ChangeVisibility{By: mt.w.by, Queue: Ref{Name: mt.name}, Batch: batch,
		Entries: []HeldReceipt{{Receipt: h.receipt, Text: h.body, Visibility: IntOf(timeout)}}})
	if err != nil {
		t.Fatal(err)
	}
	if refusal := value.([]*Error)[0]; refusal != nil {
		if batch && refusal.Code != CodeReceiptHandleIsInvalid && refusal.Code != CodeInvalidParameterValue {
			t.Fatalf("changing the timeout of %s in a batch was refused with %v", h.body, refusal)
		}
		if msg := mt.m.find(h.body); msg != nil && h.receipt == msg.handle && msg.inFlight && msg.hidden > mt.now() {
			t.Fatalf("changing the timeout of %s was refused: %v", h.body, value)
		}
		return
	}
	msg := mt.m.find(h.body)
	if msg == nil {
		t.Fatalf("the timeout of %s was changed, which is gone", h.body)
	}
	if batch && !(msg.inFlight && msg.hidden > mt.now()) {
		t.Fatalf("the timeout of %s was changed in a batch, which is not in flight", h.body)
	}
	if !msg.held(mt.now()) {
		msg.holder = "" // it was given back before
	}
	msg.hidden, msg.inFlight = mt.now().Add(time.Duration(timeout)*time.Second), timeout > 0
}

func (mt *machineTest) wait(t *rapid.T) {
	mt.w.advance(time.Duration(rapid.SampledFrom([]int{0, 1, 7, 35, 290}).Draw(t, "seconds")) * time.Second)
	mt.m.expire(mt.now())
}

func (mt *machineTest) restart(t *rapid.T) {
	if rapid.Bool().Draw(t, "power cut") {
		mt.w.powerCut()
		mt.m.powerCut()
	} else {
		mt.w.restart()
		mt.m.sync()
	}
	mt.m.restart()
	mt.unread = mt.w.slow
	mt.m.expire(mt.now())
	mt.w.verify()
}

// slow holds back what is read from the store, so that much happens between a refill and its answer.
func (mt *machineTest) slow(t *rapid.T) {
	mt.w.slow = true
	if rapid.Bool().Draw(t, "bring") {
		mt.w.bring()
	}
	mt.w.readAhead()
}

func (mt *machineTest) quick(*rapid.T) {
	mt.w.readAhead()
	mt.w.bring()
	mt.w.slow = false
	mt.w.refill()
	if mt.unread { // what expired in the time of an earlier process, and nobody had read, counts in this one's
		mt.m.totals.Expired = mt.w.c.byName[mt.name].counters.Expired
		mt.unread = false
	}
}

func (mt *machineTest) purge(t *rapid.T) {
	mt.w.play("purge " + mt.name)
	mt.m.messages = nil
	if mt.w.slow { // what expired behind the window, and nobody had read, was purged
		mt.m.totals.Expired = mt.w.c.byName[mt.name].counters.Expired
	}
	clear(mt.m.sends)
}

func (mt *machineTest) check(t *rapid.T) {
	operations.Add(1)
	if (mt.w.cut || mt.w.slow) && mt.w.c.byName[mt.name].overflow != 0 {
		return // what is behind the window has perhaps expired, or gone by a handle that a power cut forgot
	}
	if got, want := mt.w.counts(mt.name), mt.m.counts(mt.now()); got != want {
		t.Fatalf("counts: %s, want %s", got, want)
	}
	mt.checkSignals(t)
}

// TestMachineAgainstModel plays random operations, restarts and power cuts against the model: what is delivered, what
// is counted, and what the signals tell. -rapid.checks=9000 makes them a million.
func TestMachineAgainstModel(t *testing.T) {
	t.Cleanup(func() { t.Logf("%d operations", operations.Load()) })
	for _, fifo := range []bool{false, true} {
		for _, window := range []int{0, 3} {
			t.Run(fmt.Sprintf("fifo %v, window %d", fifo, window), func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) { playModel(rt, t, fifo, window) })
			})
		}
	}
}

func playModel(rt *rapid.T, t *testing.T, fifo bool, window int) {
	w := &story{world: newWorld(t, Options{NoCoolDown: true, WindowMax: window}), handles: make(map[string]Receipt)}
	mt := &machineTest{
		t: rt, w: w, exact: window == 0, name: "work",
		m: &model{fifo: fifo, retention: 10 * time.Minute, sends: make(map[string]modelSend)},
	}
	if !fifo && rapid.Bool().Draw(rt, "dead letters") {
		mt.m.max = 3
	}
	w.onSync = mt.m.sync
	w.play("create dead")
	settings := " MessageRetentionPeriod=600"
	if mt.m.max > 0 {
		settings += ` RedrivePolicy={"deadLetterTargetArn":"` + w.c.realm.ARN("dead") + `","maxReceiveCount":3}`
	}
	if fifo {
		mt.name = "work.fifo"
		settings += " FifoQueue=true"
	}
	if got := w.play("create " + mt.name + settings); got != "ok" {
		rt.Fatal(got)
	}
	rt.Repeat(map[string]func(*rapid.T){
		"send": mt.send, "send more": mt.send, "receive": mt.receive, "receive more": mt.receive, "delete": mt.delete,
		"change": mt.change, "wait": mt.wait, "restart": mt.restart, "purge": mt.purge, "slow": mt.slow, "quick": mt.quick, "": mt.check,
	})
}
