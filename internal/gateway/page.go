package gateway

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

//go:embed page.html
var pageText string

// pageBytesMax is how large a site's own template may be, in bytes.
const pageBytesMax = 1 << 20

// page is what the template of pages is given. docs/gateway.md tells sites of it.
type page struct {
	Status   int    // of HTTP
	Title    string // a few words
	Text     string // a sentence or two for whoever reads the page
	Detail   string // what exactly is wrong; may be empty
	Waiting  bool   // the answer is not there yet, and the page looks again by itself
	Repeated bool   // a form that was sent more than once, and taken once
	Location string // while Waiting: where the answer will be
	Until    string // while Waiting: when it is kept no more
	Again    bool   // the same address may well work later
	Address  string // of the page
}

// pageWriter makes pages. It is read-only.
type pageWriter struct {
	template *template.Template
	policy   string // Content-Security-Policy; empty: the site's template needs what it needs
}

// openPages reads the template of the site's pages; without a file it is the gateway's own. One that cannot be used is an
// error now, and not when the first page is due.
func openPages(file string) (*pageWriter, error) {
	text, name := pageText, "page.html"
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("page_template: %w", err)
		}
		if len(b) > pageBytesMax {
			return nil, fmt.Errorf("page_template: %s has %d bytes, at most %d", file, len(b), pageBytesMax)
		}
		text, name = string(b), file
	}
	t, err := template.New(name).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("page_template: %w; docs/gateway.md has the fields", err)
	}
	p := &pageWriter{template: t}
	samples := []page{{Waiting: true, Repeated: true}, {Status: http.StatusNotFound, Again: true, Detail: "x"}}
	for _, sample := range samples {
		out, err := p.render(sample)
		if err != nil {
			return nil, fmt.Errorf("page_template: %w; docs/gateway.md has the fields", err)
		}
		if file == "" {
			p.policy = policyOf(out)
		}
	}
	return p, nil
}

// policyOf allows a page its one style and nothing else.
func policyOf(html []byte) string {
	_, rest, _ := bytes.Cut(html, []byte("<style>"))
	style, _, _ := bytes.Cut(rest, []byte("</style>"))
	sum := sha256.Sum256(style)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'"
}

func (p *pageWriter) render(data page) ([]byte, error) {
	var b bytes.Buffer
	err := p.template.Execute(&b, data)
	return b.Bytes(), err
}

// write answers with a page. Whoever calls it has set the headers that are not those of every page.
func (p *pageWriter) write(w http.ResponseWriter, data page) {
	text, err := p.render(data)
	if err != nil { // the template of a site, with data that openPages has not tried
		text = []byte("<!doctype html><title>" + template.HTMLEscapeString(data.Title) + "</title><p>" +
			template.HTMLEscapeString(data.Text))
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // the address may be the key to a reply
	h.Add("Vary", "Accept")
	if p.policy != "" {
		h.Set("Content-Security-Policy", p.policy)
	}
	w.WriteHeader(data.Status)
	_, _ = w.Write(text)
}

// words are what people are told of a status. Others get the words of HTTP.
var words = map[int]struct{ title, text string }{
	http.StatusBadRequest: {"This request cannot be understood",
		"The address or the form that was sent has something in it that this site does not take."},
	http.StatusForbidden: {"You may not open this",
		"This address is not open to you, or the link to it is not complete."},
	http.StatusNotFound:         {"There is nothing here", "The address may be misspelt, or the page has moved."},
	http.StatusMethodNotAllowed: {"That cannot be done here", "This address does not take what was sent to it."},
	http.StatusRequestTimeout: {"That took too long",
		"What was sent did not arrive in time. Check your connection, and send it again."},
	http.StatusGone: {"This answer is no longer kept",
		"Answers are kept for a while only, and the time of this one is over."},
	http.StatusRequestEntityTooLarge: {"That is too large",
		"This site does not take that much at once. Send a smaller file or a shorter text."},
	http.StatusRequestURITooLong:    {"This address is too long", "The site does not take addresses of this length."},
	http.StatusUnsupportedMediaType: {"That kind of file is not taken", "This address does not take what was sent to it."},
	http.StatusUnprocessableEntity:  {"That was used for something else", "The key of this request belongs to another one."},
	http.StatusTooManyRequests: {"Slow down a little",
		"More requests came from you than this site takes. Wait a moment, and try again."},
	http.StatusInternalServerError: {"Something went wrong here", "It is not your fault. Please try again later."},
	http.StatusBadGateway: {"The server behind this site failed",
		"It was asked, and gave no answer that can be shown. Please try again later."},
	http.StatusServiceUnavailable: {"This site is busy",
		"It cannot take your request just now. Please try again in a moment."},
	http.StatusGatewayTimeout: {"No answer came in time",
		"The server behind this site did not answer. What you sent may or may not have been done."},
}

// problemPage is the page for a refusal or a failure.
func problemPage(r *http.Request, status int, detail string) page {
	text, known := words[status]
	if !known {
		text.title, text.text = http.StatusText(status), "The site has answered so."
	}
	again := status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
	return page{Status: status, Title: text.title, Text: text.text, Detail: sentence(detail), Address: r.RequestURI,
		Again: again && (r.Method == http.MethodGet || r.Method == http.MethodHead)}
}

// sentence makes one of what programs are told.
func sentence(detail string) string {
	detail = strings.TrimSpace(detail)
	if detail == "" {
		return ""
	}
	return strings.ToUpper(detail[:1]) + strings.TrimSuffix(detail[1:], ".") + "."
}

// waitingPage is the page of a reply that is not there yet.
func waitingPage(location string, until time.Time, repeated bool) page {
	return page{Status: http.StatusAccepted, Title: "Waiting for the answer",
		Text:    "Your request has been accepted and is kept. There is no answer to it yet.",
		Waiting: true, Repeated: repeated, Location: location, Until: until.UTC().Format("January 2, 2006, 15:04 MST")}
}

// wantsPage reports whether a client would rather see a page than JSON.
func wantsPage(r *http.Request) bool { return accepts(r.Header, "text/html") }

// isPageLoad reports whether a browser asks for a page of its own: by a link, a form, an address or a reload, and not by
// a script. Browsers that do not say so (Sec-Fetch-Mode) are known by what they accept.
func isPageLoad(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return wantsPage(r) && (mode == "" || mode == "navigate") && r.Header.Get("X-Requested-With") == "" &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPost)
}

// ownDetail is what a reply says that the gateway or the server at the queue has made in place of the program's; ok is
// false for the program's own, which is nobody else's to change.
func ownDetail(p *queued.Reply) (detail string, ok bool) {
	if p.Reason == "" || p.Status < http.StatusBadRequest || !p.Last {
		return "", false
	}
	var told struct {
		Detail string `json:"detail"`
	}
	if p.Header.Get("Content-Type") == problemType && json.Unmarshal(p.Body, &told) == nil {
		return told.Detail, true
	}
	return string(p.Body), true
}

// writeReply writes a whole reply. Without an error the connection has taken all of it.
func (g *Gateway) writeReply(w http.ResponseWriter, r *http.Request, p *queued.Reply, state string) error {
	if detail, own := ownDetail(p); own && wantsPage(r) {
		w.Header().Set(replyState, state)
		w.Header().Del("Location")
		w.Header().Set("Cache-Control", "no-store")
		g.pages.write(w, problemPage(r, p.Status, detail))
		return ignoreBodyless(http.NewResponseController(w).Flush())
	}
	if p.Header.Get("Content-Length") == "" && len(p.Trailer) == 0 && bodyOf(p.Status) && r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(p.Body)))
	}
	writeHead(w, p, state)
	return writeBody(w, p)
}

// ignoreBodyless passes on errors but that for a body where there is none: HEAD, or a status without one.
func ignoreBodyless(err error) error {
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return nil
	}
	return err
}
