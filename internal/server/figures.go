package server

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/forebay-mq/forebay/internal/forwarded"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sigv4"
)

// mayFunc reports for each name whether the asker may see the figures of the queue of that name. The nil function lets
// through everything.
type mayFunc = func(names []string) []bool

// figuresCost is what a page of figures costs a stranger, by what a refused request does; see [httpserve.Pace].
const figuresCost = 30

// source returns the address that a request came from, as trusted proxies tell it.
func (s *Server) source(r *http.Request) netip.Addr {
	return forwarded.Proxies(s.opts.TrustedProxies).Client(r).Addr
}

// figures serves what is known about queues. Without a key everybody sees everything, unless that is closed. With a key
// one sees the queues of which it may read the attributes, and an admin everything.
func (s *Server) figures(serve func(may mayFunc) http.Handler) http.Handler {
	all := serve(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by, err := s.reader(r)
		switch {
		case err != nil:
			s.turnAway(w, r, by, err)
		case by == nil:
			s.pace.Wait(r.Context(), s.source(r), figuresCost)
			all.ServeHTTP(w, r)
		case by.Owner && by.Account == s.opts.Account:
			all.ServeHTTP(w, r)
		default:
			serve(s.visibleTo(*by)).ServeHTTP(w, r)
		}
	})
}

// errNoKey is why a request without a key is turned away.
var errNoKey = errors.New("this server shows figures only to who has a key: sign the request as for SQS, or use HTTP " +
	"basic authentication with the access key id and the secret")

// reader is who asks for figures; nil: anybody, and they are open.
func (s *Server) reader(r *http.Request) (*queue.Caller, error) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	signed := sigv4.Signed(r) && (scheme == "" || strings.HasPrefix(scheme, "AWS4-"))
	switch {
	case s.basicAuth != nil && strings.EqualFold(scheme, "Basic"):
		by, err := s.basicAuth(r)
		if err != nil && !s.opts.FiguresClosed {
			return nil, nil // it may be meant for a proxy in front, and without it they would be shown
		}
		return &by, err
	case !signed && !s.opts.FiguresClosed:
		return nil, nil
	case !signed && s.keys != nil:
		return &queue.Caller{}, errNoKey
	}
	by, err := s.auth(r, nil)
	if err == nil && by.Principal == "" {
		err = errNoKey
	}
	return &by, err
}

// turnAway answers who must not see figures.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, by *queue.Caller, err error) {
	v := s.visit(w, r, "ReadFigures")
	v.by, v.object = *by, r.URL.Path
	if errors.Is(err, errNoKey) {
		w.Header().Set("WWW-Authenticate", `Basic realm="Forebay", charset="UTF-8"`)
		v.refuse(http.StatusUnauthorized, "Unauthorized", err.Error()+".")
		return
	}
	v.refuseCaller(err)
}

// visibleTo returns what a caller may see, as its key stands whenever it is asked.
func (s *Server) visibleTo(by queue.Caller) mayFunc {
	return func(names []string) []bool {
		if s.keys != nil && !s.keys.Refresh(&by) {
			return make([]bool, len(names))
		}
		return s.broker.May(by, "GetQueueAttributes", names)
	}
}

// cloudWatch serves the metrics under the names of Amazon CloudWatch, where that is wanted.
func (s *Server) cloudWatch(may mayFunc) http.Handler {
	if s.opts.CloudWatch {
		return s.metrics.CloudWatch(may)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "This server does not show metrics under the names of CloudWatch. Start it with --metrics-cloudwatch.", http.StatusNotFound)
	})
}
