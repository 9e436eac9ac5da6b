package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

func TestTheUrgentGoFirstAndAmongEqualsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(1)
		if err := p.take(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, who := range []struct {
			name string
			lane lane
		}{{"batch 1", batch}, {"batch 2", batch}, {"interactive 1", interactive}, {"interactive 2", interactive}} {
			go func() {
				if err := p.take(t.Context(), who.lane); err != nil {
					t.Error(err)
				}
				order = append(order, who.name)
				p.leave()
			}()
			synctest.Wait() // it waits for its turn
		}
		p.leave()
		synctest.Wait()
		if want := []string{"interactive 1", "interactive 2", "batch 1", "batch 2"}; !slices.Equal(order, want) {
			t.Errorf("the order is %q, want %q", order, want)
		}
		if p.free != 1 {
			t.Errorf("%d places are free afterwards", p.free)
		}
	})
}

func TestWhoGivesUpWaitingTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(1)
		if err := p.take(t.Context(), interactive); err != nil {
			t.Fatal(err)
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		go cancel(gone)
		if err := p.take(ctx, batch); !errors.Is(err, gone) {
			t.Errorf("the error is %v", err)
		}
		p.leave()
		if p.free != 1 || len(p.waiting[batch]) > 0 {
			t.Errorf("%d are free and %d wait", p.free, len(p.waiting[batch]))
		}
	})
}

func TestATurnThatComesTooLateIsPassedOn(t *testing.T) {
	for range 100 { // whichever of the two a waiter sees first
		synctest.Test(t, func(t *testing.T) {
			p := newPlaces(1)
			if err := p.take(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			taken := make(chan error, 1)
			go func() { taken <- p.take(ctx, interactive) }()
			synctest.Wait()
			p.leave()
			cancel()
			if <-taken == nil {
				p.leave()
			}
			if p.free != 1 {
				t.Fatalf("%d places are free", p.free)
			}
		})
	}
}
