package queued

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/gather"
)

// errDraining ends the requests that are still at work when the grace is over.
var errDraining = errors.New("the server is stopping")

// pollSeconds is how long one call waits for requests.
const pollSeconds = 20

// pollsOne is how many calls wait at least where each brings one request alone.
const pollsOne = 8

// linger is for how long calls that wait for requests go on when no more are wanted. What the queue server has sent already
// comes in that time; hung up on, it would be hidden for a while, and have cost one of its receives without a try. It is no
// round number, so that what happens by the clock does not happen in the moment of hanging up.
const linger = 487 * time.Millisecond

// Serve takes requests from a queue, which is given by name or URL, and has h answer them, until ctx ends. Then it takes
// no more, waits for those at work as long as Options.Grace says, and returns nil. It returns an error at once for
// options that cannot work and for a queue that is not there; a server that cannot be reached is waited for.
//
// The handler may do what it may behind net/http: flush pieces, send interim answers and trailers, panic. A request's
// body is complete before the handler starts, and there is no connection to take over. The reply is sent before the request is
// deleted, so a request whose server dies comes back, and the handler must bear being called twice; see Request.Once.
func Serve(ctx context.Context, client Client, queue string, h http.Handler, options ...func(*Options)) error {
	s := &server{client: client, handler: h, book: addressBook{client: client}, seen: newMemory(onceRemembered)}
	for _, set := range options {
		set(&s.Options)
	}
	if err := s.Options.fill(); err != nil {
		return err
	}
	var err error
	if s.queue, err = s.findQueue(ctx, queue); err != nil || ctx.Err() != nil {
		return err
	}
	s.slots = make(chan struct{}, s.Concurrency)
	s.jobs = make(chan types.Message)
	s.sender = gather.NewSender(client, s.MessageBytes)
	s.eraser = gather.NewEraser(client, func(_ string, requests int, err error) {
		s.Logger.Warn("answered requests could not be deleted and will come again", "requests", requests, "err", err)
	})
	defer s.eraser.Wait()
	defer s.sender.Wait()
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	receiving, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	unwatch := context.AfterFunc(ctx, func() {
		time.AfterFunc(linger, hangUp)
		time.AfterFunc(max(s.Grace, 0), func() { stop(errDraining) })
	})
	defer unwatch()
	var pollers sync.WaitGroup
	for range s.pollers() {
		pollers.Go(func() { s.poll(ctx, receiving, work) })
	}
	pollers.Wait()
	close(s.jobs)
	s.working.Wait()
	return nil
}

// server is a running Serve.
type server struct {
	Options
	client  Client
	queue   string // URL
	handler http.Handler
	book    addressBook
	seen    *memory
	slots   chan struct{}      // one entry for each request that is at work, or may be received
	jobs    chan types.Message // to hands that wait
	idle    atomic.Int32       // hands that wait
	working sync.WaitGroup     // of all hands
	sender  *gather.Sender     // of replies
	eraser  *gather.Eraser     // of answered requests, whose slots are free before
}

// findQueue returns the queue's URL. It waits for a server that does not answer.
func (s *server) findQueue(ctx context.Context, queue string) (string, error) {
	for n := 0; ; n++ {
		url, err := s.book.find(ctx, queue, true)
		switch {
		case err == nil:
			return url, nil
		case hopeless(err):
			return "", fmt.Errorf("queued: find the queue %s: %w", queue, err)
		}
		s.Logger.Warn("the queue server does not answer", "err", err)
		if !pause(ctx, backoff(n, time.Second, 30*time.Second)) {
			return "", nil
		}
	}
}

// fifo reports whether the queue keeps an order within its groups.
func (s *server) fifo() bool { return strings.HasSuffix(s.queue, ".fifo") }

// pollers is how many calls wait for requests at once.
func (s *server) pollers() int {
	if s.fifo() {
		return min(max(s.Pollers, pollsOne), s.Concurrency)
	}
	return s.Pollers
}

// poll receives requests as long as ctx lives, no more at a time than there are hands, and starts them under work. A call
// that waits when ctx ends goes on until receiving does. Of a FIFO queue each call brings one request: several of one group
// would be answered at once, and out of order when one of them goes back.
func (s *server) poll(ctx, receiving, work context.Context) {
	failures := 0
	for {
		n := s.reserve(ctx)
		if n == 0 {
			return
		}
		out, err := s.client.ReceiveMessage(receiving, &sqs.ReceiveMessageInput{
			QueueUrl: &s.queue, MaxNumberOfMessages: int32(n), WaitTimeSeconds: pollSeconds,
			VisibilityTimeout:           int32(s.Visibility / time.Second),
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
		})
		var messages []types.Message
		if err == nil {
			messages, failures = out.Messages, 0
		}
		for _, m := range messages {
			select {
			case s.jobs <- m:
			default:
				s.working.Go(func() { s.hand(work, m) })
			}
		}
		if len(messages) > 0 {
			runtime.Gosched() // the next poll can wait, the askers have done so already
		}
		s.release(n - len(messages))
		if err == nil || ctx.Err() != nil {
			continue
		}
		s.Logger.Warn("requests cannot be received", "err", err)
		pause(ctx, backoff(failures, time.Second, 30*time.Second))
		failures++
	}
}

const handsKept = 64 // that wait for something to do

// hand serves a message, and others after it. It is kept, since the stack of a new goroutine would have to grow for each request.
func (s *server) hand(ctx context.Context, m types.Message) {
	for more := true; more; {
		func() {
			defer s.release(1)
			s.serveMessage(ctx, m)
		}()
		if s.idle.Add(1) <= handsKept {
			m, more = <-s.jobs
		} else {
			more = false
		}
		s.idle.Add(-1)
	}
}

// gatherFor is how long a poller waits for more slots than one to be free. When all hands are busy, requests that take
// little time come by the handful then, and not one with each call.
const gatherFor = 2 * time.Millisecond

// reserve waits for a free slot and takes up to ten. It returns 0 when ctx has ended.
func (s *server) reserve(ctx context.Context) int {
	if ctx.Err() != nil {
		return 0
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	var over <-chan time.Time
	for n := 1; ; n++ {
		if n == 10 || s.fifo() {
			return n
		}
		select {
		case s.slots <- struct{}{}:
			continue
		default:
		}
		if n >= s.Concurrency/(2*s.Pollers) {
			return n
		}
		if over == nil {
			timer := time.NewTimer(gatherFor)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case s.slots <- struct{}{}:
		case <-over:
			return n
		}
	}
}

func (s *server) release(n int) {
	for range n {
		<-s.slots
	}
}

// heartbeat keeps a message hidden until the returned function is called, which waits for its end. Most messages are done
// with before the first beat.
func (s *server) heartbeat(ctx context.Context, m types.Message) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	first := time.AfterFunc(s.Visibility/3, func() {
		defer close(ended)
		for again := ctx.Err() == nil; again; again = pause(ctx, s.Visibility/3) {
			if err := s.hide(ctx, m, s.Visibility); err != nil && ctx.Err() == nil {
				s.Logger.Warn("a request could not be kept from other servers", "message", aws.ToString(m.MessageId), "err", err)
			}
		}
	})
	return func() {
		cancel()
		if !first.Stop() {
			<-ended
		}
	}
}

// hide makes a message invisible for d from now on.
func (s *server) hide(ctx context.Context, m types.Message, d time.Duration) error {
	_, err := s.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &s.queue, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: int32(min(d, 12*time.Hour) / time.Second)})
	return err
}

// finishing bounds the calls that end a request, which must happen although its context has ended.
const finishing = 30 * time.Second

// giveBack returns a message to the queue, hidden for d.
func (s *server) giveBack(ctx context.Context, m types.Message, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishing)
	defer cancel()
	if err := s.hide(ctx, m, d); err != nil {
		s.Logger.Info("a request comes back later than it could", "message", aws.ToString(m.MessageId), "err", err)
	}
}

const onceRemembered = 4096 // ids of requests marked once that a server has started

// memory holds the last ids that it was told.
type memory struct {
	mu    sync.Mutex
	ids   map[string]bool
	order []string // a ring
	next  int
}

func newMemory(size int) *memory {
	return &memory{ids: make(map[string]bool), order: make([]string, size)}
}

// first remembers id and says whether it is new.
func (m *memory) first(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids[id] {
		return false
	}
	id = strings.Clone(id) // without the message around it
	delete(m.ids, m.order[m.next])
	m.ids[id] = true
	m.order[m.next] = id
	m.next = (m.next + 1) % len(m.order)
	return true
}
