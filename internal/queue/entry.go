package queue

// phase is where a message in memory is in its life.
type phase uint8

const (
	phaseVisible  phase = iota
	phaseDelayed        // hidden by a delay
	phaseInFlight       // hidden by a receive
	phaseLeaving        // on its way to another queue; counts as visible, is not delivered
)

// entry is what the machine knows of a message that is in its window, delayed or in flight. Its body is not
// part of it, though a recent one may hang on message.
type entry struct {
	seq      Seq
	sent     Millis
	visible  Millis // delayed or in flight until then
	received Millis // start of the newest receive in this queue; zero: none
	first    Millis
	receives uint32
	epoch    uint32 // of the newest receipt
	size     uint32
	late     uint32 // milliseconds from sent to the moment since when it waits: a delay, or a dead-letter move
	phase    phase
	stated   bool // a State of it is stored
	touched  bool // ChangeMessageVisibility was called since the newest receive
	adopted  bool // came by a dead-letter move, with its old Sent

	place      [slotCount]int32 // 1 + index in each heap; 0: not in it
	tenant     *tenant          // standard queues
	group      *group           // FIFO queues
	prev, next *entry           // neighbours in group
	message    *Message         // nil: only in the store
	holder     *Consumer        // who has it in flight; nil: nobody, or one without a name
}

// since is the moment since when e waits for its first receive: when it was sent, or came due, or came here as a
// dead letter.
func (e *entry) since() Millis { return e.sent + Millis(e.late) }

// poison tells whether e has been received so often in this queue that its age says nothing about the others.
func (e *entry) poison() bool { return e.received != 0 && e.receives >= PoisonReceives }

// state is what must be stored of e beside its message.
func (e *entry) state() State {
	s := State{
		Visible: e.visible, Received: e.received, First: e.first, Receives: e.receives, Epoch: e.epoch,
		Sent: e.sent, Size: e.size, Late: e.late, Delayed: e.phase == phaseDelayed, Adopted: e.adopted,
	}
	if e.tenant != nil {
		s.GroupID = e.tenant.id
	} else if e.group != nil {
		s.GroupID = e.group.id
	}
	return s
}

// newest tells whether r was given at e's newest receive.
func (e *entry) newest(r Receipt) bool { return r.Attempt == e.receives && r.Epoch == e.epoch }

// forgotten tells whether r was given at a receive that a crash has undone.
func (e *entry) forgotten(r Receipt) bool { return r.Attempt > e.receives }
