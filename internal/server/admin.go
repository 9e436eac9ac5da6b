package server

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/forebay-mq/forebay/internal/audit"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs"
)

// adminBodyMax bounds the body of a request to the server itself, in bytes.
const adminBodyMax = 64 << 10

// visit is a request to the server itself and not to a queue: about keys, figures or backups. It is answered by refuse,
// done or show, and each of them tells the logs.
type visit struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	id     string       // of the request, also told in its answer
	by     queue.Caller // where it came from; and who sent it, once it has been authenticated
	action string       // for the logs, a word such as RotateKey
	object string       // for the logs: the key or folder that it is about; may be empty
}

// visit begins the answer to a request.
func (s *Server) visit(w http.ResponseWriter, r *http.Request, action string) *visit {
	v := &visit{s: s, w: w, r: r, id: sqs.NewRequestID(), action: action}
	w.Header().Set("X-Amzn-Requestid", v.id)
	return v
}

// admit reads the body of a request that only an owner of the account may make, and finds out who makes it. The phrase
// says what it asks for. When ok is false it has been answered.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, action, phrase string) (v *visit, body []byte, ok bool) {
	v = s.visit(w, r, action)
	if s.heads != nil {
		if known, err := s.heads(r); !known {
			if err == nil {
				err = queue.Errorf(queue.CodeAccessDenied, "Only the root key and other admins may %s.", phrase)
			}
			v.refuseCaller(err)
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
		err = queue.Errorf(queue.CodeAccessDenied, "Only the root key and other admins may %s.", phrase)
	}
	if err != nil {
		v.refuseCaller(err)
		return v, nil, false
	}
	return v, body, true
}

// refuseCaller answers a caller that may not do what it asks for.
func (v *visit) refuseCaller(err error) {
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
	v.refuse(status, code, message)
}

// refuse answers with an error, after the audit log has got it.
func (v *visit) refuse(status int, code, message string) {
	v.s.auditVisit(v, code, status)
	// Strangers can make many of these, so they are only for who looks for them.
	v.s.log.Debug("a request to the server was refused", v.attrs("code", code)...)
	if v.by.Principal == "" {
		v.s.pace.Wait(v.r.Context(), v.s.source(v.r), 1)
	}
	v.write(status, apiError{code, message})
}

// done answers a request that has changed something, after the audit log has got it.
func (v *visit) done(value any) {
	v.s.auditVisit(v, audit.ResultOK, http.StatusOK)
	v.s.log.Info("a request to the server was carried out", v.attrs()...)
	v.write(http.StatusOK, value)
}

// show answers a request that has changed nothing. The audit log gets it where it is to have every request.
func (v *visit) show(value any) {
	if v.s.opts.AuditAll {
		v.s.auditVisit(v, audit.ResultOK, http.StatusOK)
	}
	v.write(http.StatusOK, value)
}

func (v *visit) attrs(more ...any) []any {
	return append([]any{"action", v.action, "object", v.object, "principal", v.by.Principal, "source", v.by.Source,
		"request_id", v.id}, more...)
}

func (v *visit) write(status int, value any) {
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(status)
	_ = json.NewEncoder(v.w).Encode(value)
}

// apiError is the answer to a request that was refused.
type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// isJSON reports whether the body says that it is JSON, which a web page cannot send here behind its reader's back.
func (v *visit) isJSON() bool {
	kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	return strings.EqualFold(kind, "application/json")
}
