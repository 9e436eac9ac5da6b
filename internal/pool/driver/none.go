package driver

import (
	"context"
	"errors"

	"github.com/forebay-mq/forebay/internal/pool"
)

// None starts nobody. It is for pools whose desired size is read, such as by Kubernetes through KEDA.
type None struct{}

// Start accepts every order.
func (None) Start(context.Context, pool.Order) error { return nil }

// Drain is not possible.
func (None) Drain(context.Context, []string) error { return errors.ErrUnsupported }

// Count is not known.
func (None) Count(context.Context) (pool.Count, error) { return pool.Count{}, errors.ErrUnsupported }

// Events are none.
func (None) Events() <-chan pool.Event { return nil }

// Close does nothing.
func (None) Close(context.Context) error { return nil }
