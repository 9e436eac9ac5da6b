package httpserve

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// preflightAge is how long a browser may remember the answer to a preflight.
	preflightAge = 10 * time.Minute
	// preflightHeadersMax bounds the list of headers that a preflight may ask for, in bytes.
	preflightHeadersMax = 1 << 10
)

// CORS lets scripts in pages of other sites call a handler and read its answers (Cross-Origin Resource Sharing). It
// gives them nothing else: no cookies and no credentials of the browser are asked for, so who may do what is for the
// handler to decide, as ever.
type CORS struct {
	// Origins are the sites, as browsers write them: https://app.example.com, with the port unless it is the scheme's
	// own. "*" is any. None: there is no CORS.
	Origins []string
	Methods []string // that pages may use
	Expose  []string // headers of answers that scripts may read
	Setting string   // the name of the setting that Origins come from, for the texts of refusals
}

// Handler returns a handler that answers preflights, and hands everything else on.
func (c CORS) Handler(next http.Handler) http.Handler {
	if len(c.Origins) == 0 {
		return next
	}
	any := slices.Contains(c.Origins, "*")
	methods, expose := strings.Join(c.Methods, ", "), strings.Join(c.Expose, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, origin := w.Header(), r.Header.Get("Origin")
		if !any {
			h.Add("Vary", "Origin") // also without one: what is kept of the answer must not serve a page
		}
		allowed := origin != "" && (any || slices.Contains(c.Origins, origin))
		if allowed {
			h.Set("Access-Control-Allow-Origin", origin)
			if any {
				h.Set("Access-Control-Allow-Origin", "*")
			}
		}
		if r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			c.preflight(w, r, allowed, any, methods)
			return
		}
		if allowed && expose != "" {
			h.Set("Access-Control-Expose-Headers", expose)
		}
		next.ServeHTTP(w, r)
	})
}

// preflight answers a browser that asks on behalf of a page what it may send.
func (c CORS) preflight(w http.ResponseWriter, r *http.Request, allowed, any bool, methods string) {
	if !allowed {
		http.Error(w, "Pages of "+strconv.Quote(r.Header.Get("Origin"))+" may not call: they are not in "+c.Setting+".", http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", methods)
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" && len(wanted) <= preflightHeadersMax {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
	h.Set("Access-Control-Max-Age", strconv.Itoa(int(preflightAge/time.Second)))
	// A page of the internet that calls into a private network needs this too. An origin that was named may; "*" was
	// hardly meant for the whole internet to reach in here.
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" && !any {
		h.Set("Access-Control-Allow-Private-Network", "true")
		h.Add("Vary", "Access-Control-Request-Private-Network")
	}
	w.WriteHeader(http.StatusNoContent)
}
