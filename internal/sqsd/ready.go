package sqsd

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// readyEvery is for how long an application counts as there that was seen.
const readyEvery = 10 * time.Second

// presence is when the application was last seen.
type presence struct {
	mu   sync.Mutex
	last time.Time // zero: not yet, or it was away since
}

func (p *presence) seen(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
}

func (p *presence) gone() { p.seen(time.Time{}) }

func (p *presence) recent(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.last) < readyEvery
}

// Ready reports why no connection to the application can be made, and nil when one can. It connects, and sends nothing;
// an application that was seen a moment ago is not asked.
func (p *Poster) Ready(ctx context.Context) error {
	if p.presence.recent(time.Now()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.ConnectTimeout)
	defer cancel()
	dial := (&net.Dialer{}).DialContext
	port := "80"
	if p.target.Scheme == "https" {
		dial = (&tls.Dialer{Config: &tls.Config{ServerName: p.target.Hostname()}}).DialContext
		port = "443"
	}
	if given := p.target.Port(); given != "" {
		port = given
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(p.target.Hostname(), port))
	if err != nil {
		p.presence.gone()
		return p.notThere(err)
	}
	_ = conn.Close() // it has told what was asked
	p.presence.seen(time.Now())
	return nil
}

// notThere words that the application cannot be reached, and what to do.
func (p *Poster) notThere(err error) error {
	return fmt.Errorf("no connection to the application at %s: %w; start it, and the agent goes on by itself", p.target.Redacted(), err)
}
