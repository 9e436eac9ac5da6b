package httpserve

import (
	"net/http"
	"time"
)

// AtMost returns what lets costly handlers work for n requests at a time, all those together that it is given. Other
// requests wait for their turn up to patience, and are refused then.
func AtMost(n int, patience time.Duration) func(http.Handler) http.Handler {
	turns := make(chan struct{}, n)
	return func(next http.Handler) http.Handler { return atMost(turns, patience, next) }
}

func atMost(turns chan struct{}, patience time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case turns <- struct{}{}:
		default:
			timer := time.NewTimer(patience)
			defer timer.Stop()
			select {
			case turns <- struct{}{}:
			case <-timer.C:
				w.Header().Set("Retry-After", retrySeconds)
				http.Error(w, "Too many requests are waiting for this. Please try again.", http.StatusServiceUnavailable)
				return
			}
		}
		defer func() { <-turns }()
		next.ServeHTTP(w, r)
	})
}
