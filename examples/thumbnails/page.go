package main

import (
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"os"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pageHandler shows the progress at /, and the thumbnails below /results/.
func pageHandler(p *Progress, results *os.Root) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		view := struct {
			State
			Workers string
		}{p.now(), p.workers(r.Context())}
		if err := pageTemplate.Execute(w, view); err != nil {
			slog.Warn("the page was not sent", "err", err)
		}
	})
	mux.Handle("GET /results/", http.StripPrefix("/results/", http.FileServerFS(results.FS())))
	return mux
}
