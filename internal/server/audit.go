package server

import (
	"net/http"
	"net/netip"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/audit"
	"github.com/forebay-mq/forebay/internal/sqs"
)

// openAudit opens the audit log, if there is to be one.
func (s *Server) openAudit() error {
	s.closeAudit = func() error { return nil }
	if s.opts.Audit == nil {
		return nil
	}
	out, err := s.opts.Audit()
	if err != nil {
		return err
	}
	s.audit = audit.New(out, audit.Options{Logger: s.log})
	s.closeAudit = func() error {
		s.audit.Close()
		return out.Close()
	}
	return nil
}

// auditor passes on what the SQS front has to say to the audit log; nil without a log.
func (s *Server) auditor() func(*http.Request, sqs.Audited) {
	if s.audit == nil {
		return nil
	}
	return func(r *http.Request, a sqs.Audited) {
		e := audit.Entry{
			RequestID: a.RequestID, Action: a.Action, Queue: a.Queue, Object: a.Object, Changed: a.Changed,
			Principal: a.Caller.Principal, Key: a.Caller.ID, Address: a.Caller.Source, Secure: a.Caller.Secure,
			Result: a.Code, Status: a.Status,
		}
		if a.Code == "" {
			e.Result = audit.ResultOK
		}
		s.recordAudit(r, e)
	}
}

// auditVisit tells the audit log how a request to the server itself ended.
func (s *Server) auditVisit(v *visit, result string, status int) {
	s.recordAudit(v.r, audit.Entry{
		RequestID: v.id, Action: v.action, Object: v.object,
		Principal: v.by.Principal, Key: v.by.ID, Address: v.by.Source, Secure: v.by.Secure,
		Result: result, Status: status,
	})
}

// recordAudit records an entry, with what the request says of a caller that is not known.
func (s *Server) recordAudit(r *http.Request, e audit.Entry) {
	if e.Principal == "" {
		e.Key = access.ClaimedID(r)
	}
	if !e.Address.IsValid() {
		e.Address, e.Secure = peer(r)
	}
	s.audit.Record(e)
}

// peer returns the address that a request came from, and whether it came over TLS.
func peer(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, r.TLS != nil
	}
	return at.Addr().Unmap(), r.TLS != nil
}
