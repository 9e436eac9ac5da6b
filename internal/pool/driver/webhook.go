package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/forebay-mq/forebay/internal/pool"
)

// WebhookOptions are where orders are posted to.
type WebhookOptions struct {
	URL      string       // gets a POST with an Announcement for each order
	CountURL string       // answers a GET with {"workers": 7, "ready": 5}; empty: nobody counts
	Token    string       // sent as Authorization: Bearer; empty: none
	Client   *http.Client // nil: the default one
}

// Announcement is the body of a webhook's POST. Worker ids are unique, so a receiver that gets an order twice can tell.
type Announcement struct {
	Pool    string            `json:"pool"`
	Queues  []string          `json:"queues,omitempty"`
	Epoch   int64             `json:"epoch"`             // orders with a lower one than was seen before are void
	Desired int               `json:"desired,omitempty"` // workers there will be, those to start included
	Start   []AnnouncedWorker `json:"start,omitempty"`
	Drain   []string          `json:"drain,omitempty"` // ids of workers that should finish and leave
	Why     string            `json:"why,omitempty"`
}

// AnnouncedWorker is a worker to be started.
type AnnouncedWorker struct {
	ID   string  `json:"id"`
	Idle float64 `json:"idle_seconds"` // after which it should leave by itself; zero: never
}

// Webhook posts orders to somebody who can carry them out.
type Webhook struct {
	options WebhookOptions
}

// answerBytesMax bounds what is read of an answer.
const answerBytesMax = 64 << 10

// NewWebhook checks the URLs.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	for key, text := range map[string]string{"url": o.URL, "count_url": o.CountURL} {
		u, err := url.Parse(text)
		if text == "" && key != "url" {
			continue
		}
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%s: %q is no URL; write it like https://scaler.example.com/start", key, text)
		}
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	return &Webhook{o}, nil
}

// Start posts an order. Every status of 200 to 299 accepts it. Nothing is posted twice.
func (h *Webhook) Start(ctx context.Context, o pool.Order) error {
	a := Announcement{Pool: o.Pool, Queues: o.Queues, Epoch: o.Epoch, Desired: o.Desired, Why: o.Why}
	for _, w := range o.Workers {
		a.Start = append(a.Start, AnnouncedWorker{w.ID, w.Idle.Seconds()})
	}
	_, err := h.call(ctx, http.MethodPost, h.options.URL, a)
	return err
}

// Drain posts the ids. The status 501 says that this cannot be done.
func (h *Webhook) Drain(ctx context.Context, ids []string) error {
	_, err := h.call(ctx, http.MethodPost, h.options.URL, Announcement{Drain: ids})
	return err
}

// Count asks the second URL.
func (h *Webhook) Count(ctx context.Context) (pool.Count, error) {
	if h.options.CountURL == "" {
		return pool.Count{}, errors.ErrUnsupported
	}
	text, err := h.call(ctx, http.MethodGet, h.options.CountURL, nil)
	if err != nil {
		return pool.Count{}, err
	}
	var told struct{ Workers, Ready *int }
	if err := json.Unmarshal(text, &told); err != nil || told.Workers == nil || *told.Workers < 0 {
		return pool.Count{}, fmt.Errorf(`%s answered %.100q, want {"workers": 7, "ready": 5}`, h.options.CountURL, text)
	}
	if told.Ready == nil {
		told.Ready = told.Workers
	}
	return pool.Count{Total: *told.Workers, Ready: *told.Ready}, nil
}

func (h *Webhook) call(ctx context.Context, method, address string, body any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if h.options.Token != "" {
		r.Header.Set("Authorization", "Bearer "+h.options.Token)
	}
	answer, err := h.options.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax))
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode == http.StatusNotImplemented:
		return nil, errors.ErrUnsupported
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return nil, fmt.Errorf("%s answered %s: %.200s", address, answer.Status, strings.TrimSpace(string(said)))
	}
	return said, nil
}

// Events are none: a webhook does not see workers.
func (h *Webhook) Events() <-chan pool.Event { return nil }

// Close does nothing: the workers live on.
func (h *Webhook) Close(context.Context) error { return nil }
