package lease

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/internal/pool"
)

// The tags of the lease's queue that hold what one leader leaves to the next. A value of a tag has at most 256 letters,
// of few kinds, hence the form: numbers between spaces and colons.
const (
	tagCrew      = "forebay-pool-crew"
	tagEstimates = "forebay-pool-estimates"
	tagMax       = 256
)

// Load implements [pool.Memory] on the tags of the lease's queue.
func (l *Lease) Load(ctx context.Context) (*pool.Memo, error) {
	if err := l.find(ctx); err != nil {
		return nil, err
	}
	out, err := l.o.Client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &l.url})
	if err != nil {
		return nil, err
	}
	if out.Tags[tagCrew] == "" && out.Tags[tagEstimates] == "" {
		return nil, nil
	}
	return decodeMemo(out.Tags)
}

// Save implements [pool.Memory].
func (l *Lease) Save(ctx context.Context, m pool.Memo) error {
	if err := l.find(ctx); err != nil {
		return err
	}
	_, err := l.o.Client.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &l.url, Tags: encodeMemo(m)})
	return err
}

// encodeMemo writes estimates as "boot service service …", and the crew as "started:up:booting:stay …", started in
// milliseconds since 1970 to the base of 36. What does not fit is left out, from the end.
func encodeMemo(m pool.Memo) map[string]string {
	estimates := []string{number(m.Boot)}
	for _, s := range m.Service {
		estimates = append(estimates, number(s))
	}
	crew := []string{"-"} // a crew of nobody is known, too
	for _, b := range m.Crew {
		crew = append(crew, fmt.Sprintf("%s:%d:%d:%d", strconv.FormatInt(b.Started.UnixMilli(), 36), b.Up, b.Booting, b.Stay))
	}
	return map[string]string{tagEstimates: fitting(estimates), tagCrew: fitting(crew)}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }

func fitting(words []string) string {
	text := strings.Join(words, " ")
	for len(text) > tagMax {
		words = words[:len(words)-1]
		text = strings.Join(words, " ")
	}
	return text
}

func decodeMemo(tags map[string]string) (*pool.Memo, error) {
	var m pool.Memo
	for i, word := range strings.Fields(tags[tagEstimates]) {
		f, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, fmt.Errorf("tag %s: %q is no number", tagEstimates, word)
		}
		if i == 0 {
			m.Boot = f
		} else {
			m.Service = append(m.Service, f)
		}
	}
	for _, word := range strings.Fields(tags[tagCrew]) {
		if word == "-" {
			continue
		}
		var b pool.Batch
		started, rest, _ := strings.Cut(word, ":")
		millis, err := strconv.ParseInt(started, 36, 64)
		if err == nil {
			_, err = fmt.Sscanf(rest, "%d:%d:%d", &b.Up, &b.Booting, &b.Stay)
		}
		if err != nil || b.Up < 0 || b.Booting < 0 || b.Up+b.Booting > workersMax {
			return nil, fmt.Errorf("tag %s: %q is no batch of workers", tagCrew, word)
		}
		b.Started = time.UnixMilli(millis)
		m.Crew = append(m.Crew, b)
	}
	return &m, nil
}

// workersMax bounds what is believed of a tag.
const workersMax = 100_000
