package bench

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Mode says what kind of work is done.
type Mode string

// The modes. Each is a set of defaults for Options; what is set there wins.
const (
	Send     Mode = "send"     // sends only
	Receive  Mode = "receive"  // receives and deletes what is in the queue or arrives there
	Pipeline Mode = "pipeline" // sends, receives and deletes, all at once
	FanIn    Mode = "fanin"    // pipeline with many producers and few consumers
	FIFO     Mode = "fifo"     // pipeline on a FIFO queue with many message groups
	Latency  Mode = "latency"  // sends at a steady rate to consumers that wait in long polls, through a queue emptied before
	Fill     Mode = "fill"     // sends a number of messages and leaves them there
	Drain    Mode = "drain"    // receives and deletes until nothing is left
)

// Modes lists all modes.
var Modes = []Mode{Send, Receive, Pipeline, FanIn, FIFO, Latency, Fill, Drain}

// sends and receives tell which side of the queue a mode works on.
func (m Mode) sends() bool    { return m != Receive && m != Drain }
func (m Mode) receives() bool { return m != Send && m != Fill }

// Limits of the API, and of what the generator can keep track of.
const (
	batchMax    = 10
	batchBytes  = 1 << 20 // all bodies of a batch
	connections = 20_000
	groupsMax   = 1 << 22
	queuesMax   = 100_000
	requestMax  = 60 * time.Second // a reply may take so long, and the wait of a long poll more
	sourcesMax  = 1 << 24
	sequenceMax = 1 << 28
)

// Options is one run. The zero value of a field stands for the default of the mode.
type Options struct {
	Mode     Mode
	Endpoint string         // URL of the server
	Roots    *x509.CertPool // authorities to trust; nil: those of the system
	Protocol string         // json or query; default json

	// Requests are signed for Region with this key, unless Unsigned is set.
	Region, KeyID, Secret string
	Unsigned              bool

	// Queue is the name of a queue, which is made if it is missing, and stays. With Queues above 1 there are
	// so many, with -0, -1, … behind the name. Without a name the run makes a queue of its own and deletes it at
	// the end; Fill, Receive and Drain take forebay-bench, which stays.
	Queue  string
	Queues int // how many queues take the traffic; default 1
	Groups int // message groups of each queue; mode FIFO only; default 100

	Producers int // connections that send; default 64
	Consumers int // connections that receive and delete; default 64
	Batch     int // messages in a request, 1 to 10; default 1, for Fill and Drain 10

	Size     int    // mean bytes of a body; default 1024
	SizeDist string // fixed, uniform or exponential; default fixed

	// Rate is how many messages a second are sent, by all producers together; latencies then count from when a
	// request should have been sent. Zero sends as fast as answers come.
	Rate float64
	// Ahead is how many more messages may have been sent than deleted before producers pause, so that a pipeline
	// measures the flow through it and not its own backlog; one that was there before does not grow. Default: as many as
	// the consumers can hold, Consumers times Batch, which costs no throughput; negative: no bound.
	Ahead int

	Duration time.Duration // default 10 s, unless Messages is set
	Messages int64         // stop after so many; Fill needs it, and has 1,000,000 as default

	Wait       time.Duration // of a receive, whole seconds up to 20 s; default 20 s, for Drain 1 s
	Visibility time.Duration // of a receive, whole seconds; default 30 s

	// Verify makes the run go on until all that was acknowledged has come out, or until nothing has come for
	// Settle (default: Visibility and 5 s), and makes Result.Verdict hold it to what a queue promises.
	Verify bool
	Settle time.Duration

	ServerPID int // process of the server on this machine, for its use of the machine; zero: unknown

	// Progress is told about once a second how the run stands, and Phase what it does next. Both may be nil.
	Progress func(Progress)
	Phase    func(Phase)
}

// Phase is what a run is doing.
type Phase string

// The phases of a run, in their order.
const (
	Disks     Phase = "measuring the disk"
	Machine   Phase = "measuring the no-op handler"
	Preparing Phase = "making queues"
	Leftover  Phase = "emptying the queue"
	Measuring Phase = "measuring"
	Verifying Phase = "waiting for the last messages"
	Tidying   Phase = "tidying up"
)

// Progress is how a run stands.
type Progress struct {
	Elapsed                          time.Duration
	Sent, Received, Deleted, Waiting int64 // messages; Waiting of those that this run has sent
	Errors                           int64
}

// tell says what the run does next, where that is asked for.
func (o Options) tell(phase Phase) {
	if o.Phase != nil {
		o.Phase(phase)
	}
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	o.Mode = cmp.Or(o.Mode, Pipeline)
	bulk := o.Mode == Fill || o.Mode == Drain
	connections := cmp.Or(map[Mode]int{Latency: 16, Fill: 16, Drain: 16}[o.Mode], 64)
	o.Producers = cmp.Or(o.Producers, connections)
	if o.Mode == FanIn {
		o.Consumers = cmp.Or(o.Consumers, 4)
	}
	o.Consumers = cmp.Or(o.Consumers, connections)
	o.Batch = cmp.Or(o.Batch, map[bool]int{false: 1, true: batchMax}[bulk])
	o.Protocol = cmp.Or(o.Protocol, "json")
	if o.Mode == Fill || !o.Mode.sends() {
		o.Queue = cmp.Or(o.Queue, "forebay-bench")
	}
	o.Ahead = cmp.Or(o.Ahead, o.Consumers*o.Batch)
	o.Queues = cmp.Or(o.Queues, 1)
	o.Size = cmp.Or(o.Size, 1024)
	o.SizeDist = cmp.Or(o.SizeDist, "fixed")
	o.Visibility = cmp.Or(o.Visibility, 30*time.Second)
	o.Settle = cmp.Or(o.Settle, o.Visibility+5*time.Second)
	o.Region = cmp.Or(o.Region, "us-east-1")
	if o.Mode == FIFO {
		o.Groups = cmp.Or(o.Groups, 100)
		o.Producers = min(o.Producers, o.Groups*max(1, o.Queues)) // a group has one producer, or it would have no order
	}
	if o.Mode == Latency {
		o.Rate = cmp.Or(o.Rate, 1000)
	}
	if o.Mode == Fill {
		o.Messages = cmp.Or(o.Messages, 1_000_000)
	}
	if o.Wait == 0 {
		o.Wait = map[bool]time.Duration{false: 20 * time.Second, true: time.Second}[o.Mode == Drain]
	}
	if o.Duration == 0 && o.Messages == 0 && o.Mode != Drain {
		o.Duration = 10 * time.Second
	}
	return o
}

// Validate says in the user's words what cannot be done. Run refuses the same.
func (o Options) Validate() error {
	o = o.withDefaults()
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("endpoint: %q is no http or https URL", o.Endpoint)
	}
	if !slices.Contains(Modes, o.Mode) {
		return fmt.Errorf("mode: %q is not one of %s", o.Mode, o.Mode.all())
	}
	if o.Protocol != "json" && o.Protocol != "query" {
		return fmt.Errorf("protocol: %q is neither json nor query", o.Protocol)
	}
	if !slices.Contains(sizeDists, o.SizeDist) {
		return fmt.Errorf("size-dist: %q is not one of %s", o.SizeDist, strings.Join(sizeDists, ", "))
	}
	if o.Groups > 0 && o.Mode != FIFO {
		return errors.New("groups: only mode fifo has message groups")
	}
	if o.Rate < 0 || o.Messages < 0 || o.Duration < 0 || o.Settle < 0 {
		return errors.New("rate, messages, duration and settle cannot be negative")
	}
	if o.Wait < 0 || o.Wait > 20*time.Second || o.Wait%time.Second != 0 {
		return fmt.Errorf("wait: %s is not whole seconds up to 20s", o.Wait)
	}
	if o.Visibility < time.Second || o.Visibility > 12*time.Hour || o.Visibility%time.Second != 0 {
		return fmt.Errorf("visibility: %s is not whole seconds from 1s to 12h", o.Visibility)
	}
	return o.validateNumbers()
}

func (o Options) validateNumbers() error {
	for _, n := range []struct {
		name           string
		value, low, up int
	}{
		{"producers", o.Producers, 1, connections}, {"consumers", o.Consumers, 1, connections},
		{"batch", o.Batch, 1, batchMax}, {"size", o.Size, stampLen, batchBytes},
		{"queues", o.Queues, 1, queuesMax}, {"groups", o.Groups, 0, groupsMax},
		{"groups of all queues", o.Groups * o.Queues, 0, sourcesMax},
	} {
		if n.value < n.low || n.value > n.up {
			return fmt.Errorf("%s: %d is not within %d and %d", n.name, n.value, n.low, n.up)
		}
	}
	return nil
}

func (Mode) all() string {
	names := make([]string, 0, len(Modes))
	for _, m := range Modes {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}
