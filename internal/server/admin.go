package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs"
)

// adminBodyMax bounds the body of a request to the server itself, in bytes.
const adminBodyMax = 64 << 10

// visit is a request to the server itself and not to a queue: about keys, figures or backups. All that becomes of one
// passes through note.
type visit struct {
	w  http.ResponseWriter
	r  *http.Request
	id string       // of the request, also told in its answer
	by queue.Caller // where it came from; and who sent it, once it has been authenticated
}

// admit reads the body of a request that only an owner of the account may make, and finds out who makes it. When ok is
// false it has been answered.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, what string) (v *visit, body []byte, ok bool) {
	v = &visit{w: w, r: r, id: sqs.NewRequestID()}
	w.Header().Set("X-Amzn-Requestid", v.id)
	if s.heads != nil {
		if known, err := s.heads(r); !known {
			if err == nil {
				err = queue.Errorf(queue.CodeAccessDenied, "Only the root key and other admins may %s.", what)
			}
			s.refuseCaller(v, what, err)
			return v, nil, false
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, adminBodyMax))
	if err != nil {
		v.refuse(http.StatusBadRequest, "InvalidRequest", "The body cannot be read, or is too long.")
		return v, nil, false
	}
	v.by, err = s.auth(r, body)
	if err == nil && !(v.by.Owner && v.by.Account == s.opts.Account) {
		err = queue.Errorf(queue.CodeAccessDenied, "Only the root key and other admins may %s.", what)
	}
	if err != nil {
		s.refuseCaller(v, what, err)
		return v, nil, false
	}
	return v, body, true
}

// refuseCaller answers who may not do what it asks for.
func (s *Server) refuseCaller(v *visit, what string, err error) {
	status, code, message := http.StatusForbidden, "AccessDenied", err.Error()
	if known, ok := errors.AsType[*queue.Error](err); ok {
		message = known.Message
		switch known.Code {
		case queue.CodeRequestThrottled:
			status, code = http.StatusTooManyRequests, "RequestThrottled"
		case queue.CodeUnrecognizedClient:
			code = "InvalidClientTokenId"
			v.w.Header().Set("Connection", "close")
		case queue.CodeInvalidSignature:
			code = "SignatureDoesNotMatch"
		case queue.CodeIncompleteSignature:
			status, code = http.StatusBadRequest, "IncompleteSignature"
		}
	}
	s.note(v, what, "", code)
	v.refuse(status, code, message)
}

// note tells the log what was done, or refused with a code, to whom or what.
func (s *Server) note(v *visit, what, target, code string) {
	attrs := []any{"what", what, "target", target, "principal", v.by.Principal, "source", v.by.Source, "request_id", v.id}
	if code != "" {
		s.log.Debug("a request to the server was refused", append(attrs, "code", code)...) // strangers can make many of them
		return
	}
	s.log.Info("a request to the server was carried out", attrs...)
}

// isJSON reports whether the body says that it is JSON, which a web page cannot send here behind its reader's back.
func (v *visit) isJSON() bool {
	kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	return strings.EqualFold(kind, "application/json")
}

func (v *visit) refuse(status int, code, message string) {
	v.answer(status, backupError{code, message})
}

func (v *visit) answer(status int, value any) {
	v.w.Header().Set("Cache-Control", "no-store")
	writeJSON(v.w, status, value)
}
