package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// Asker sends a signed GET to the server, to a path with its query, and returns the body. What the server refuses is a
// smithy.APIError.
type Asker func(ctx context.Context, path string) ([]byte, error)

// queueSource asks Forebay's JSON API for a queue where it is there, and GetQueueAttributes where it is not.
type queueSource struct {
	client *sqs.Client
	ask    Asker // nil: never
	name   string
	log    *slog.Logger

	once  sync.Once   // says that there is no JSON API
	plain atomic.Bool // there is none

	mu  sync.Mutex
	url string
}

// NewSource observes the queue of a name or URL through GetQueueAttributes and, unless ask is nil, through Forebay's
// JSON API. A server without that API is remarked upon once.
func NewSource(client *sqs.Client, ask Asker, queue string, log *slog.Logger) Source {
	queue = strings.TrimRight(queue, "/")
	s := &queueSource{client: client, ask: ask, name: queue[strings.LastIndexByte(queue, '/')+1:], log: log.With("queue", queue)}
	if strings.Contains(queue, "/") {
		s.url = queue
	}
	s.plain.Store(ask == nil)
	return s
}

// Signals asks now.
func (s *queueSource) Signals(ctx context.Context) (Signals, error) {
	found, err := s.told(ctx, 0)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.counts(ctx)
	}
	return found, err
}

// Demand waits where the JSON API is there.
func (s *queueSource) Demand(ctx context.Context, wait time.Duration) (Signals, error) {
	return s.told(ctx, wait)
}

// told asks the JSON API. Its error is errors.ErrUnsupported when there is none.
func (s *queueSource) told(ctx context.Context, wait time.Duration) (Signals, error) {
	if s.plain.Load() {
		return Signals{}, errors.ErrUnsupported
	}
	path := "/forebay/v1/queues/" + url.PathEscape(s.name)
	if wait > 0 {
		path += "?wait=" + url.QueryEscape(wait.Round(time.Millisecond).String())
	}
	text, err := s.ask(ctx, path)
	if err != nil {
		if Foreign(err) {
			return Signals{}, s.isPlain(err)
		}
		return Signals{}, err
	}
	var page queuePage
	if err := json.Unmarshal(text, &page); err != nil || page.Messages == nil {
		return Signals{}, s.isPlain(errors.New("its answer is none of Forebay's"))
	}
	return page.signals(), nil
}

// Foreign says whether an error of an [Asker] means that the server does not know the path at all.
func Foreign(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	code := api.ErrorCode()
	code = code[strings.LastIndexAny(code, ".#")+1:]
	switch code {
	case "NotFound", "MethodNotAllowed", "BadRequest", "NotImplemented", "MissingAction", "InvalidAction", "UnknownOperationException":
		return true
	}
	return false
}

func (s *queueSource) isPlain(cause error) error {
	s.plain.Store(true)
	s.once.Do(func() {
		s.log.Info("this server does not tell ages, times and demand: the pool asks GetQueueAttributes at regular times", "cause", cause.Error())
	})
	return errors.ErrUnsupported
}

// queuePage is what GET /forebay/v1/queues/{name} answers, as far as a pool needs it.
type queuePage struct {
	Messages *struct {
		Visible  int `json:"visible"`
		InFlight int `json:"in_flight"`
		Delayed  int `json:"delayed"`
	} `json:"messages"`
	Oldest    *float64 `json:"oldest_seconds"`
	Consumers struct {
		Polling int `json:"polling"`
		Holding int `json:"holding"`
	} `json:"consumers"`
	Rates struct {
		Sent map[string]float64 `json:"sent"`
	} `json:"rates"`
	Processed struct {
		Count int64   `json:"count"`
		Sum   float64 `json:"sum_seconds"`
	} `json:"processed"`
	Due []struct {
		Within   float64 `json:"within_seconds"`
		Messages int     `json:"messages"`
	} `json:"due"`
}

func (p *queuePage) signals() Signals {
	found := Signals{
		Visible: p.Messages.Visible, InFlight: p.Messages.InFlight, Delayed: p.Messages.Delayed, Told: true,
		Consumers: p.Consumers.Polling + p.Consumers.Holding, Rate: p.Rates.Sent["1m"],
		Processed: Sum{Count: p.Processed.Count, Seconds: p.Processed.Sum},
	}
	if p.Oldest != nil {
		found.Oldest = time.Duration(*p.Oldest * float64(time.Second))
	}
	for _, d := range p.Due {
		found.Due = append(found.Due, Due{time.Duration(d.Within * float64(time.Second)), d.Messages})
	}
	return found
}

// queueCounts are the attributes that every server has.
var queueCounts = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages,
	types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

// counts asks GetQueueAttributes.
func (s *queueSource) counts(ctx context.Context) (Signals, error) {
	address, err := s.address(ctx)
	if err != nil {
		return Signals{}, err
	}
	out, err := s.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &address, AttributeNames: queueCounts})
	if err != nil {
		return Signals{}, err
	}
	var n [3]int
	for i, name := range queueCounts {
		if n[i], err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return Signals{}, fmt.Errorf("the server answered %s = %q, which is no number", name, out.Attributes[string(name)])
		}
	}
	return Signals{Visible: n[0], InFlight: n[1], Delayed: n[2]}, nil
}

// address finds the URL of the queue, once.
func (s *queueSource) address(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == "" {
		out, err := s.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &s.name})
		if err != nil {
			return "", err
		}
		s.url = aws.ToString(out.QueueUrl)
	}
	return s.url, nil
}
