package pool

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// changeBytesMax bounds the body of a change.
const changeBytesMax = 64 << 10

// Handler serves the pools of a process:
//
//	GET  /forebay/v1/pools                    all of them
//	GET  /forebay/v1/pools/{name}             one; its "desired" is what an autoscaler reads
//	GET  /forebay/v1/pools/{name}/decisions   the last decisions; ?last=20
//	POST /forebay/v1/pools/{name}             a [Change]
//
// Anybody who reaches it may read. Changes are taken from this machine alone, and from no web page.
func Handler(pools []*Controller) http.Handler {
	h := handler(pools)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /forebay/v1/pools", h.list)
	mux.HandleFunc("GET /forebay/v1/pools/{name}", h.one(h.status))
	mux.HandleFunc("GET /forebay/v1/pools/{name}/decisions", h.one(h.decisions))
	mux.HandleFunc("POST /forebay/v1/pools/{name}", h.one(h.change))
	return http.NewCrossOriginProtection().Handler(mux)
}

type handler []*Controller

// Refusal is the body of every answer that is none.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	answer(w, status, Refusal{strings.ReplaceAll(http.StatusText(status), " ", ""), fmt.Sprintf(format, args...)})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // a reader that has gone needs no answer
}

func (h handler) list(w http.ResponseWriter, _ *http.Request) {
	all := []Status{}
	for _, c := range h {
		if s, ok := c.Status(); ok {
			all = append(all, s)
		}
	}
	answer(w, http.StatusOK, all)
}

// one finds the pool of a request.
func (h handler) one(serve func(http.ResponseWriter, *http.Request, *Controller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		i := slices.IndexFunc(h, func(c *Controller) bool { return c.Name() == name })
		if i < 0 {
			refuse(w, http.StatusNotFound, "no pool named %q is run here", name)
			return
		}
		serve(w, r, h[i])
	}
}

func (h handler) status(w http.ResponseWriter, _ *http.Request, c *Controller) {
	if s, ok := c.Status(); ok {
		answer(w, http.StatusOK, s)
		return
	}
	gone(w, c)
}

func gone(w http.ResponseWriter, c *Controller) {
	refuse(w, http.StatusServiceUnavailable, "the controller of pool %s is ending", c.Name())
}

// decisionsShown is how many decisions are answered when nobody says how many.
const decisionsShown = 20

func (h handler) decisions(w http.ResponseWriter, r *http.Request, c *Controller) {
	most := decisionsShown
	if text := r.URL.Query().Get("last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > decisionsMax {
			refuse(w, http.StatusBadRequest, "last: %q is not between 1 and %d", text, decisionsMax)
			return
		}
		most = n
	}
	if found, ok := c.Decisions(most); ok {
		answer(w, http.StatusOK, found)
		return
	}
	gone(w, c)
}

func (h handler) change(w http.ResponseWriter, r *http.Request, c *Controller) {
	if !fromHere(r) {
		refuse(w, http.StatusForbidden, "changes are taken from the machine of the controller alone")
		return
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, changeBytesMax))
	decoder.DisallowUnknownFields()
	var change Change
	if err := decoder.Decode(&change); err != nil {
		refuse(w, http.StatusBadRequest, "the change cannot be read: %v", err)
		return
	}
	s, ok, err := c.Set(change)
	var bad *SettingError
	switch {
	case !ok:
		gone(w, c)
	case errors.As(err, &bad):
		refuse(w, http.StatusBadRequest, "%v", err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, "%v", err)
	default:
		answer(w, http.StatusOK, s)
	}
}

// fromHere says whether a request comes from this machine and was meant for it: a web page that has its own name point
// to 127.0.0.1 is found out by that name.
func fromHere(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}
