package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/signals"
	"github.com/forebay-mq/forebay/internal/telemetry"
)

// HistoryFile is the name of the file with the history of the queues, in the data folder.
const HistoryFile = "history"

// openSignals begins to sample the queues. A server whose data is not on the disk keeps no history over restarts.
func (s *Server) openSignals() {
	options := signals.Options{
		Source: signals.Source{
			Stats: s.broker.Stats, Queue: s.broker.StatsOf, Names: s.broker.Names,
			Sample: s.broker.Sample, AwaitWork: s.broker.AwaitWork,
		},
		Logger: s.log,
	}
	if s.opts.FS == nil {
		path := filepath.Join(s.opts.Data, HistoryFile)
		options.Load = func() ([]byte, error) { return readIfThere(path) }
		options.Save = func(data []byte) error { return replaceFile(path, data) }
		options.Discard = func() error { return os.Rename(path, path+".damaged") }
	}
	s.signals = signals.New(options)
	ctx, cancel := context.WithCancel(context.Background())
	sampling := make(chan struct{})
	go func() {
		defer close(sampling)
		s.signals.Run(ctx)
	}()
	s.endSignals = func() { cancel(); <-sampling }
}

// rates tells the rates of a queue to the metrics.
func (s *Server) rates(stats *queue.Stats) []telemetry.Rate {
	now := s.signals.Rates(stats)
	var found []telemetry.Rate
	for _, event := range []struct {
		name     string
		averages signals.Averages
	}{{"sent", now.Sent}, {"received", now.Received}, {"deleted", now.Deleted}} {
		for i, window := range []string{"10s", "1m", "10m"} {
			found = append(found, telemetry.Rate{Event: event.name, Window: window, PerSecond: event.averages[i]})
		}
	}
	return found
}

// readIfThere returns what is in a file, nil when there is none.
func readIfThere(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// replaceFile writes a file as a whole: after a crash it has its old content or its new one.
func replaceFile(path string, data []byte) error {
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return os.Rename(draft, path)
}
