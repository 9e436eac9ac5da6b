package commands

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// The names of the queues: forebay-worker-POOL-NUMBER-CHANCE, of which the last two are those of the worker's id. A name has
// at most 80 letters, so the pool's is shortened when it is long.
const (
	namePrefix = "forebay-worker-"
	poolMax    = 40
)

// ending is the part of a worker's id, and of its queue's name, behind the pool. It has one hyphen, so the queues of pool a
// and of pool a-1 cannot be confused.
var ending = regexp.MustCompile(`^\d+-[A-Z2-7]{6}$`)

// prefixOf is how the names of a pool's queues begin.
func prefixOf(pool string) string {
	if len(pool) > poolMax {
		sum := sha256.Sum256([]byte(pool))
		pool = pool[:poolMax-9] + "-" + hex.EncodeToString(sum[:4])
	}
	return namePrefix + pool + "-"
}

// tagSpoken holds when somebody spoke for the queue last, in seconds since 1970.
const tagSpoken = "forebay-spoken"

// keepTime is the retention of a queue of commands: nobody wants one that is older.
const keepTime = "3600"

// queues are those of a pool's workers.
type queues struct {
	client *sqs.Client
	prefix string
}

// create makes the queue of a worker, spoken for.
func (q queues) create(ctx context.Context, id string) (url string, err error) {
	parts := strings.Split(id, "-")
	name := q.prefix + strings.Join(parts[max(len(parts)-2, 0):], "-")
	out, err := q.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name,
		Attributes: map[string]string{string(types.QueueAttributeNameMessageRetentionPeriod): keepTime},
		Tags:       map[string]string{tagSpoken: stamp(time.Now())}})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueueUrl), nil
}

func stamp(now time.Time) string { return strconv.FormatInt(now.Unix(), 10) }

// remove deletes a queue. One that is not there is none that is left.
func (q queues) remove(ctx context.Context, url string) error {
	_, err := q.client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
	if _, gone := errors.AsType[*types.QueueDoesNotExist](err); gone {
		return nil
	}
	return err
}

// speakFor notes that the worker of a queue lives.
func (q queues) speakFor(ctx context.Context, url string, now time.Time) error {
	_, err := q.client.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{tagSpoken: stamp(now)}})
	if _, gone := errors.AsType[*types.QueueDoesNotExist](err); gone {
		return nil // its worker has just ended
	}
	return err
}

// sweep deletes the pool's queues that nobody has spoken for lately. Those without a tag are left alone: they are none of
// ours.
func (q queues) sweep(ctx context.Context, now time.Time) (swept int, err error) {
	in := &sqs.ListQueuesInput{QueueNamePrefix: &q.prefix, MaxResults: aws.Int32(1000)}
	for {
		out, err := q.client.ListQueues(ctx, in)
		if err != nil {
			return swept, err
		}
		for _, url := range out.QueueUrls {
			stale, err := q.stale(ctx, url, now)
			if err == nil && stale {
				if err = q.remove(ctx, url); err == nil {
					swept++
				}
			}
			if err != nil {
				return swept, err
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return swept, nil
		}
	}
}

func (q queues) stale(ctx context.Context, url string, now time.Time) (bool, error) {
	name := url[strings.LastIndexByte(url, '/')+1:]
	if rest, ok := strings.CutPrefix(name, q.prefix); !ok || !ending.MatchString(rest) {
		return false, nil
	}
	out, err := q.client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
	if _, gone := errors.AsType[*types.QueueDoesNotExist](err); gone {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	spoken, err := strconv.ParseInt(out.Tags[tagSpoken], 10, 64)
	return err == nil && now.Sub(time.Unix(spoken, 0)) > staleAfter, nil
}
