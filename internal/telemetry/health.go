package telemetry

import (
	"fmt"
	"net/http"
	"strings"
)

// Check is one condition of being ready.
type Check struct {
	Name string
	OK   func() bool
}

// Ready reports whether every check holds.
func Ready(checks []Check) bool {
	for _, c := range checks {
		if !c.OK() {
			return false
		}
	}
	return true
}

// ReadyHandler answers 200 while every check holds and 503 otherwise. Asked with ?verbose it lists the checks.
// It never says more than names and whether they hold, since it asks nobody for a signature.
func ReadyHandler(checks []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var list strings.Builder
		ready := true
		for _, c := range checks {
			word := "ok"
			if !c.OK() {
				ready, word = false, "fail"
			}
			fmt.Fprintf(&list, "%s %s\n", c.Name, word)
		}
		answer(w, ready, r.URL.Query().Has("verbose"), list.String())
	})
}

// LiveHandler answers 200: whoever can answer is alive.
func LiveHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, true, false, "") })
}

func answer(w http.ResponseWriter, ok, verbose bool, list string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "ok\n"
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = "fail\n"
	}
	if verbose {
		text = list + text
	}
	fmt.Fprint(w, text)
}
