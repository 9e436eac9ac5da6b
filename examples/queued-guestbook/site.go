package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/forebay-mq/forebay/queued"
)

// The longest that a visitor may write, in characters.
const (
	nameMax = 40
	textMax = 500
)

// shownMax is how many entries the page shows.
const shownMax = 50

//go:embed page
var page embed.FS

// site is an ordinary handler, as it could stand behind any HTTP server.
func site(b *book) http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", static(http.FileServerFS(files)))
	mux.HandleFunc("GET /entries", func(w http.ResponseWriter, _ *http.Request) {
		all := b.read()
		shown := append([]entry{}, all[max(0, len(all)-shownMax):]...) // no entries are [], not null
		slices.Reverse(shown)
		for i := range shown {
			shown[i].Request = ""
		}
		answer(w, http.StatusOK, shown)
	})
	mux.HandleFunc("POST /entries", b.post)
	return mux
}

// static lets browsers keep the page for a minute, so that it is there at once when it is opened again.
func static(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		h.ServeHTTP(w, r)
	})
}

// post adds an entry.
func (b *book) post(w http.ResponseWriter, r *http.Request) {
	var e entry
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, "this is not an entry: "+err.Error(), http.StatusBadRequest)
		return
	}
	e = entry{Name: strings.TrimSpace(e.Name), Text: strings.TrimSpace(e.Text), At: time.Now().UTC().Truncate(time.Second)}
	if err := check(e); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	d, ok := queued.DeliveryOf(r.Context())
	if !ok {
		http.Error(w, "this request did not come through a queue", http.StatusInternalServerError)
		return
	}
	e.Request = d.Request.ID
	e, err := b.write(e)
	if err != nil {
		log.Print("guestbook: ", err)
		http.Error(w, "the entry cannot be kept for now", http.StatusInternalServerError)
		return
	}
	e.Request = ""
	answer(w, http.StatusCreated, e)
}

// check says what is wrong with an entry.
func check(e entry) error {
	for _, field := range []struct {
		what, text string
		max        int
	}{{"name", e.Name, nameMax}, {"text", e.Text, textMax}} {
		switch n := utf8.RuneCountInString(field.text); {
		case n == 0:
			return fmt.Errorf("the %s is missing", field.what)
		case n > field.max:
			return fmt.Errorf("the %s has %d characters, at most %d", field.what, n, field.max)
		}
	}
	return nil
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print("guestbook: ", err)
	}
}
