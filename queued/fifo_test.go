package queued_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/testkit"
	"github.com/forebay-mq/forebay/queued"
)

// fifoWorld gives the world a FIFO queue of requests whose messages die after three receives.
func (w *world) fifoWorld() (dead string) {
	fifo := map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
	dead = w.create("dead.fifo", fifo)
	fifo["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:%s:%s:dead.fifo","maxReceiveCount":3}`, testkit.Region, testkit.Account)
	w.queue = w.create("requests.fifo", fifo)
	return dead
}

// TestRequestsOfOneGroupAreAnsweredInOrder has the first of a group go back twice, while servers come and go.
func TestRequestsOfOneGroupAreAnsweredInOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		dead := w.fifoWorld()
		for i := range 12 {
			body := asked(map[string]any{"id": fmt.Sprint("id", i), "url": fmt.Sprint("/", i)})
			if _, err := w.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &w.queue, MessageBody: &body,
				MessageGroupId: aws.String(strconv.Itoa(i % 2))}); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		var order []string
		busy := map[string]int{}
		handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Path[1:])
			group := strconv.Itoa(n % 2)
			d, _ := queued.DeliveryOf(r.Context())
			mu.Lock()
			busy[group]++
			if busy[group] > 1 {
				t.Errorf("two requests of group %s are answered at once", group)
			}
			mu.Unlock()
			w.pass(time.Second)
			mu.Lock()
			defer mu.Unlock()
			busy[group]--
			if n < 2 && d.Receives < 3 {
				d.GiveBack(time.Second)
				return
			}
			order = append(order, r.URL.Path)
		})
		for range 20 {
			ctx, stop := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			if err := queued.Serve(ctx, w.client, w.queue, handler, func(o *queued.Options) { o.Concurrency = 16 }); err != nil {
				t.Fatal(err)
			}
			stop()
		}
		for group := range 2 {
			var of []int
			for _, path := range order {
				if n, _ := strconv.Atoi(path[1:]); n%2 == group {
					of = append(of, n)
				}
			}
			if len(of) != 6 || !slices.IsSorted(of) {
				t.Errorf("group %d was answered in the order %v, want all six, ascending", group, of)
			}
		}
		out, err := w.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &dead})
		if err != nil || len(out.Messages) > 0 {
			t.Errorf("%d requests died untried (%v)", len(out.Messages), err)
		}
	})
}
