package server

import (
	"context"
	"path/filepath"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/queue"
)

// openKeys settles who may do what.
func (s *Server) openKeys() error {
	switch {
	case s.opts.Authenticate != nil:
		s.auth = s.opts.Authenticate
		return nil
	case s.opts.Dev:
		s.auth = access.Dev(s.opts.Account, s.opts.TrustedProxies...)
		if s.opts.Listener != nil { // else who calls the handler decides
			s.pages = s.devPages()
		}
		return nil
	}
	var err error
	s.keys, s.newKeys, err = access.OpenKeys(filepath.Join(s.opts.Data, KeysFile))
	if err != nil {
		return err
	}
	s.keys.Logger = s.log
	authenticator := access.NewAuthenticator(access.AuthenticatorOptions{
		Keys: s.keys, Account: s.opts.Account, Logger: s.log, TrustedProxies: s.opts.TrustedProxies,
		OnFailure: func(reason access.Failure) { s.metrics.AuthFailure(string(reason)) },
	})
	s.auth, s.heads, s.basicAuth = authenticator.Authenticate, authenticator.Recognize, authenticator.AuthenticateBasic
	return nil
}

// watchKeys has the broker know the keys as they are, from now until endKeys is called: who waits with a key that is
// taken away is told at once.
func (s *Server) watchKeys() {
	s.endKeys = func() {}
	if s.keys == nil {
		return
	}
	s.keys.OnChange = func() { s.broker.SetStandings(s.keys.Standings(s.opts.Account)) }
	s.keys.OnChange()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.keys.Run(ctx)
	}()
	s.endKeys = func() { cancel(); <-ended }
}

// service is what the front calls: the broker, with the quotas of keys in front of it where there are keys.
func (s *Server) service() queue.Service {
	if s.keys == nil {
		return s.broker
	}
	return &metered{Service: s.broker, keys: s.keys}
}

// metered counts what keys send against their quotas.
type metered struct {
	queue.Service
	keys *access.Keys
}

// SendMessage implements queue.Service.
func (m *metered) SendMessage(ctx context.Context, by queue.Caller, in *queue.SendMessageInput) (*queue.SendMessageOutput, error) {
	size := sizeOfDraft(&in.Draft)
	giveBack, err := m.keys.Spend(&by, 1, size)
	if err != nil {
		return nil, err
	}
	out, err := m.Service.SendMessage(ctx, by, in)
	if err != nil {
		giveBack(1, size)
	}
	return out, err
}

// SendMessageBatch implements queue.Service. A batch that the quota has no room for is refused as a whole.
func (m *metered) SendMessageBatch(
	ctx context.Context, by queue.Caller, in *queue.SendMessageBatchInput,
) (*queue.SendMessageBatchOutput, error) {
	var size int64
	for i := range in.Entries {
		size += sizeOfDraft(&in.Entries[i].Draft)
	}
	giveBack, err := m.keys.Spend(&by, len(in.Entries), size)
	if err != nil {
		return nil, err
	}
	out, err := m.Service.SendMessageBatch(ctx, by, in)
	if err != nil {
		giveBack(len(in.Entries), size)
		return out, err
	}
	for _, failed := range out.Failed {
		for i := range in.Entries {
			if in.Entries[i].ID == failed.EntryID {
				giveBack(1, sizeOfDraft(&in.Entries[i].Draft))
				break
			}
		}
	}
	return out, nil
}

// sizeOfDraft is the size of a message with its attributes, in bytes.
func sizeOfDraft(d *queue.Draft) int64 {
	size := len(d.Body)
	for i := range d.Attributes {
		a := &d.Attributes[i]
		size += len(a.Name) + len(a.DataType) + len(a.Value)
	}
	return int64(size)
}
