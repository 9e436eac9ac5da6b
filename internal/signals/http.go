package signals

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/nearest"
	"github.com/forebay-mq/forebay/internal/queue"
)

// Path is where queues are told about: Path lists all, Path/NAME tells one, Path/NAME/history its past.
const Path = "/forebay/v1/queues"

// WaitMax is the longest that a request may ask to wait for work.
const WaitMax = time.Minute

const suggestionNamesMax = 1000 // names that are compared with one that does not exist

// problem is the answer when something is wrong.
type problem struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

func invalid(format string, args ...any) *problem {
	return &problem{http.StatusBadRequest, "InvalidRequest", fmt.Sprintf(format, args...)}
}

// Serves tells whether a request for this path is for [Recorder.ServeHTTP].
func Serves(path string) bool {
	_, _, ok := split(path)
	return ok
}

// split takes a path apart; without a name it is that of all queues.
func split(path string) (name string, history, ok bool) {
	rest, ok := strings.CutPrefix(path, Path)
	if !ok || rest == "" {
		return "", false, ok
	}
	name, ok = strings.CutPrefix(rest, "/")
	name, history = strings.CutSuffix(name, "/history")
	return name, history, ok && name != "" && !strings.Contains(name, "/")
}

// May reports for each name whether a reader may see the queue of that name. Nil lets through everything.
type May func(names []string) []bool

// of returns which of the queues a reader may see, by their index.
func (m May) of(stats []queue.Stats) func(i int) bool {
	if m == nil {
		return func(int) bool { return true }
	}
	names := make([]string, len(stats))
	for i := range stats {
		names[i] = stats[i].Name
	}
	visible := m(names)
	return func(i int) bool { return visible[i] }
}

// one reports whether a reader may see the queue of a name.
func (m May) one(name string) bool { return m == nil || m([]string{name})[0] }

// ServeHTTP answers GET requests for the paths that [Serves] names, in JSON. See docs/signals.md.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.serve(w, req, nil) }

// Of returns a handler that answers as r does, about the queues that may lets through. Of others it does not tell
// whether they exist.
func (r *Recorder) Of(may func(names []string) []bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.serve(w, req, may) })
}

func (r *Recorder) serve(w http.ResponseWriter, req *http.Request, may May) {
	answer, wrong := r.answer(req, may)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if wrong != nil {
		if wrong.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "5")
		}
		w.WriteHeader(wrong.status)
		answer = wrong
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (r *Recorder) answer(req *http.Request, may May) (any, *problem) {
	query := req.URL.Query()
	name, history, _ := split(req.URL.Path)
	if name == "" {
		return r.list(query, may)
	}
	if !may.one(name) {
		return nil, hidden(name)
	}
	stats, ok := r.opts.Source.Queue(name)
	if !ok {
		return nil, r.unknown(name, may)
	}
	if history {
		return r.past(&stats, query)
	}
	if wrong := check(query, "wait"); wrong != nil {
		return nil, wrong
	}
	if query.Has("wait") {
		if wrong := r.await(req.Context(), stats.ID, query.Get("wait")); wrong != nil {
			return nil, wrong
		}
		if !may.one(name) { // it may have been taken away meanwhile
			return nil, hidden(name)
		}
		if stats, ok = r.opts.Source.Queue(name); !ok {
			return nil, r.unknown(name, may)
		}
	}
	return r.describe(&stats), nil
}

// hidden is the answer for a queue that the reader may not see, whether or not there is one.
func hidden(name string) *problem {
	return &problem{http.StatusForbidden, "AccessDenied", fmt.Sprintf(
		"The key may not see the figures of %.80q: that takes the right to GetQueueAttributes.", name)}
}

// list answers for all queues.
func (r *Recorder) list(query url.Values, may May) (any, *problem) {
	if wrong := check(query, "prefix"); wrong != nil {
		return nil, wrong
	}
	all, _ := r.opts.Source.Stats(0)
	visible := may.of(all)
	found := struct {
		Queues []queueJSON `json:"queues"`
	}{Queues: []queueJSON{}}
	for i := range all {
		if visible(i) && strings.HasPrefix(all[i].Name, query.Get("prefix")) {
			found.Queues = append(found.Queues, r.describe(&all[i]))
		}
	}
	return found, nil
}

// check refuses parameters that mean nothing here.
func check(query url.Values, known ...string) *problem {
	for name := range query {
		if !slices.Contains(known, name) {
			return invalid("There is no parameter %q here; there is %s.", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// await waits until there is work that nobody polls for.
func (r *Recorder) await(ctx context.Context, id queue.ID, text string) *problem {
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > WaitMax {
		return invalid("wait is %.40q; it must be a time like 20s, from 0s to %s.", text, "60s")
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := r.opts.Source.AwaitWork(ctx, id); err != nil {
		return &problem{http.StatusTooManyRequests, "Throttled", err.Error()}
	}
	return nil
}

// unknown tells that there is no such queue.
func (r *Recorder) unknown(name string, may May) *problem {
	names := r.opts.Source.Names()
	if may != nil {
		visible := may(names)
		kept := make([]string, 0, len(names))
		for i, name := range names {
			if visible[i] {
				kept = append(kept, name)
			}
		}
		names = kept
	}
	message := fmt.Sprintf("There is no queue %.80q.", name)
	if meant := nearest.Of(name, names[:min(len(names), suggestionNamesMax)]); meant != "" {
		message += fmt.Sprintf(" Did you mean %q?", meant)
	} else {
		message += " GET " + Path + " lists those that there are."
	}
	return &problem{http.StatusNotFound, "QueueDoesNotExist", message}
}

// pastJSON is a history as it is answered.
type pastJSON struct {
	Name        string     `json:"name"`
	Metric      string     `json:"metric"`
	StepSeconds int64      `json:"step_seconds"`
	Start       *time.Time `json:"start"` // of the first step; null when nothing is known
	Values      []*float64 `json:"values"`
}

// past answers with the history of a queue.
func (r *Recorder) past(stats *queue.Stats, query url.Values) (any, *problem) {
	if wrong := check(query, "metric", "step"); wrong != nil {
		return nil, wrong
	}
	metric := slices.Index(metricNames[:], query.Get("metric"))
	if metric < 0 {
		return nil, invalid("metric is %.40q; it must be one of %s.", query.Get("metric"), strings.Join(metricNames[:], ", "))
	}
	step := 1
	if text := query.Get("step"); text != "" {
		if step = stepNamed(text); step < 0 {
			return nil, invalid("step is %.40q; it must be 1s, 10s or 1m.", text)
		}
	}
	out := pastJSON{
		Name: stats.Name, Metric: metricNames[metric], StepSeconds: int64(steps[step].step / time.Second), Values: []*float64{},
	}
	points, _ := r.History(stats.ID, Metric(metric), step)
	for i := range points {
		if i == 0 {
			out.Start = &points[i].At
		}
		out.Values = append(out.Values, points[i].Value)
	}
	return out, nil
}

func stepNamed(name string) int {
	for i := range steps {
		if steps[i].name == name {
			return i
		}
	}
	return -1
}
