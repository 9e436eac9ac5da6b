package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
)

// answerBytesMax bounds what is read of an answer: a page of peeked messages at their largest.
const answerBytesMax = 64 << 20

// signed sends a request to one of the server's extra APIs, with a signature, and returns the answer's body.
func (c *client) signed(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.target.endpoint+path, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	key := aws.Credentials{AccessKeyID: c.target.keyID, SecretAccessKey: c.target.secret, SessionToken: c.target.found.Key.Token}
	if err := v4.NewSigner().SignHTTP(ctx, key, r, hash, "sqs", c.target.region, time.Now()); err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax))
	if err != nil || answer.StatusCode == http.StatusOK {
		return text, err
	}
	return nil, answerError(answer, text)
}

// answerError reads an error of an extra API, in the form of SQS or in our own.
func answerError(answer *http.Response, text []byte) error {
	var said struct{ Type, Code, Message string }
	var sqsForm struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(text, &said)
	_ = json.Unmarshal(text, &sqsForm)
	code := sqsForm.Type
	if code == "" {
		code = said.Code
	}
	if code == "" {
		code = strings.ReplaceAll(http.StatusText(answer.StatusCode), " ", "")
		if said.Message == "" && strings.Contains(string(text), "HTTPS") { // a server that speaks TLS says so, in plain text
			said.Message = strings.TrimSpace(string(text))
		}
	}
	return &smithy.GenericAPIError{Code: code, Message: said.Message}
}

// peeked is a page of messages as the server shows them without receiving them.
type peeked struct {
	FIFO     bool            `json:"fifo"`
	Messages []peekedMessage `json:"messages"`
}

// peekedMessage is one of them. Times are milliseconds since 1970.
type peekedMessage struct {
	Sequence  string                      `json:"sequence"`
	ID        string                      `json:"id"`
	State     string                      `json:"state"`
	VisibleAt int64                       `json:"visibleAt,omitempty"`
	SentAt    int64                       `json:"sentAt"`
	FirstAt   int64                       `json:"firstReceivedAt,omitempty"`
	Receives  int                         `json:"receives"`
	Bytes     int64                       `json:"bytes"`
	MD5       string                      `json:"md5"`
	Body      string                      `json:"body"`
	System    map[string]string           `json:"systemAttributes,omitempty"`
	Values    map[string]messageAttribute `json:"messageAttributes,omitempty"`
}

// peekPage fetches a page of a queue's messages. An empty "after" is left out.
func (c *client) peekPage(ctx context.Context, queue string, query url.Values) (*peeked, error) {
	if query.Get("after") == "" {
		query.Del("after")
	}
	text, err := c.signed(ctx, http.MethodGet, "/forebay/v1/queues/"+url.PathEscape(queue)+"/messages?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var page peeked
	if err := json.Unmarshal(text, &page); err != nil {
		return nil, &failure{code: exitFailed, what: c.target.endpoint + " does not know how to peek: it is no Forebay server", err: err}
	}
	return &page, nil
}

func (a *app) peekCommand() *cobra.Command {
	var most int
	var after string
	cmd := &cobra.Command{
		Use:   "peek QUEUE",
		Short: "Look at messages without receiving them; changes nothing",
		Long: "Look at messages without receiving them, oldest first: visible ones, those in flight and delayed ones.\n" +
			"Nothing changes, neither their receive counts nor their timeouts. This needs a Forebay server.",
		Args:              exactly(1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			if most < 1 || most > 1000 {
				return usage("--max: %d is not between 1 and 1000", most)
			}
			if _, err := strconv.ParseUint(after, 10, 64); err != nil && after != "" {
				return usage("--after: %q is no sequence of a message", after)
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			c, err := a.connect()
			if err != nil {
				return err
			}
			page, err := c.peekPage(ctx, nameOf(args[0]), url.Values{"max": {strconv.Itoa(most)}, "after": {after}})
			if err != nil {
				return c.explain(ctx, args[0], err)
			}
			return a.showPeeked(args[0], after, page.Messages, most)
		},
	}
	a.targetFlags(cmd)
	cmd.Flags().IntVar(&most, "max", 10, "show up to so many messages, 1 to 1000")
	cmd.Flags().StringVar(&after, "after", "", "continue behind the message with this sequence")
	return cmd
}

func (a *app) showPeeked(queue, after string, messages []peekedMessage, most int) error {
	if !a.text() {
		found := listing{}
		for _, m := range messages {
			found.rows = append(found.rows, row{name: m.ID, item: m})
		}
		return a.print(found)
	}
	for _, m := range messages {
		state := strings.ReplaceAll(m.State, "_", " ")
		if m.VisibleAt > 0 {
			state += " for " + ageText(time.Until(time.UnixMilli(m.VisibleAt)))
		}
		a.remark("%s  %s  sent %s ago  receives %d  %s", short(m.ID), state, ageText(time.Since(time.UnixMilli(m.SentAt))), m.Receives, bytesText(m.Bytes))
		fmt.Fprintln(a.out, m.Body)
	}
	if len(messages) == 0 && after != "" {
		a.remark("no message in %s behind sequence %s", queue, after)
	} else if len(messages) == 0 {
		a.remark("no message in %s", queue)
	} else if len(messages) == most {
		a.remark("There may be more:  forebay peek %s --after %s", queue, messages[len(messages)-1].Sequence)
	}
	return nil
}
