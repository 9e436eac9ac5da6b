package sqsd

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func TestScheduleNext(t *testing.T) {
	from := time.Date(2026, 2, 27, 23, 58, 30, 0, time.UTC) // a Friday
	for text, want := range map[string]string{
		"* * * * *":        "2026-02-27 23:59",
		"*/15 * * * *":     "2026-02-28 00:00",
		"7-20/5 3 * * *":   "2026-02-28 03:07",
		"0 0 29 2 *":       "2028-02-29 00:00",
		"30 8 * * mon-fri": "2026-03-02 08:30",
		"30 8 * * 7":       "2026-03-01 08:30",
		"0 12 1 * sun":     "2026-03-01 12:00",
		"0 12 15 * mon":    "2026-03-02 12:00", // either of the two days
		"0 12 */2 * mon":   "2026-03-09 12:00", // both, since one of the fields begins with a star
		"59 23 31 dec *":   "2026-12-31 23:59",
		"5/20 1,13 * * *":  "2026-02-28 01:05",
		"@hourly":          "2026-02-28 00:00",
		"@weekly":          "2026-03-01 00:00",
		"@yearly":          "2027-01-01 00:00",
		"58 23 27 * *":     "2026-03-27 23:58",
	} {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := s.Next(from).Format("2006-01-02 15:04"); got != want {
			t.Errorf("%s: next is %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *",
		"*/0 * * * *", "x * * * *", "0 0 30 2 *", "1,,2 * * * *", "@never"} {
		if s, err := ParseSchedule(text); err == nil {
			t.Errorf("%q was accepted: %+v", text, s)
		}
	}
}

func TestParseCron(t *testing.T) {
	tasks, err := ParseCron("cron.yaml", strings.NewReader(`
version: 1
cron:
 - name: "backup-job"          # required
   url: "/backup"
   schedule: "0 */12 * * *"
 - {name: audit, url: /audit, schedule: "0 23 * * *"}
`))
	if err != nil || len(tasks) != 2 || tasks[0].Name != "backup-job" || tasks[1].Path != "/audit" {
		t.Fatalf("%+v, %v", tasks, err)
	}
	for text, want := range map[string]string{
		"":                       "cron.yaml: it is empty",
		"version: 2\n":           "cron.yaml:1: version: 1 is missing",
		"version: 1\ncron: []\n": "cron.yaml:1: cron: a list of tasks is missing",
		"version: 1\ncron:\n - name: a\n   url: /a\n":                                                                         "cron.yaml:3: a task needs name, url and schedule; schedule is missing",
		"version: 1\ncron:\n - name: a\n   url: /a\n   when: \"* * * * *\"\n":                                                 `cron.yaml:5: unknown key "when"`,
		"version: 1\ncron:\n - name: a\n   url: http://b/a\n   schedule: \"* * * * *\"\n":                                     `cron.yaml:4: url "http://b/a" is not a path`,
		"version: 1\ncron:\n - name: a\n   url: /a\n   schedule: \"* * * * 9\"\n":                                             `cron.yaml:5: schedule "* * * * 9": weekday`,
		"version: 1\ncron:\n - &t {name: a, url: /a, schedule: \"* * * * *\"}\n - *t\n":                                       "cron.yaml:4: want name",
		"version: 1\ncron:\n - {name: a, url: /a, schedule: \"* * * * *\"}\n - {name: a, url: /b, schedule: \"* * * * *\"}\n": "cron.yaml:4: the name \"a\"",
		"version: 1\n\tcron:": "cron.yaml: line 2",
		"- a":                 "cron.yaml:1: want version, cron here",
	} {
		if _, err := ParseCron("cron.yaml", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// fifo is a FIFO queue that takes a deduplication id once, and is sometimes away.
type fifo struct {
	mu    sync.Mutex
	calls int
	taken map[string]time.Time
}

func (f *fifo) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls%3 == 0 {
		return nil, errors.New("connection refused")
	}
	if _, again := f.taken[*in.MessageDeduplicationId]; !again {
		f.taken[*in.MessageDeduplicationId] = time.Now()
	}
	return &sqs.SendMessageOutput{}, nil
}

func TestSeveralAgentsFireATaskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &fifo{taken: make(map[string]time.Time)}
		often, err := ParseSchedule("*/10 * * * *")
		if err != nil {
			t.Fatal(err)
		}
		hourly, _ := ParseSchedule("@hourly")
		ctx, cancel := context.WithCancel(t.Context())
		var agents sync.WaitGroup
		for range 3 {
			c := &Cron{Client: queue, QueueURL: "q.fifo", Logger: slog.New(slog.DiscardHandler),
				Tasks: []Task{{"a b", "/often", often}, {"h", "/hourly", hourly}}}
			agents.Go(func() { c.Run(ctx) })
		}
		time.Sleep(2*time.Hour + time.Minute)
		cancel()
		agents.Wait()
		if len(queue.taken) != 12+2 {
			t.Errorf("%d tasks were taken in two hours, want 12 and 2: %v", len(queue.taken), slices.Sorted(maps.Keys(queue.taken)))
		}
		for id := range queue.taken {
			if strings.Contains(id, " ") {
				t.Errorf("%q is no deduplication id", id)
			}
		}
	})
}
