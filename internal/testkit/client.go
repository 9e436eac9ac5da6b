package testkit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// Protocol is one of the two wire forms of the API.
type Protocol string

// The protocols.
const (
	JSON  Protocol = "json"
	Query Protocol = "query"
)

// The media types of the two protocols.
const (
	JSONType = "application/x-amz-json-1.0"
	FormType = "application/x-www-form-urlencoded"
)

// Client calls the server of its Kit over one protocol. It may be used by several goroutines, but only the
// test's own may use the methods that stop the test ([Client.OK], [Client.Refused] and what is built on them).
type Client struct {
	*Kit
	Protocol Protocol
	// Sign, unless it is nil, changes each request just before it is sent: it signs it.
	Sign func(*http.Request) error
}

// Response is an answer of either protocol.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Result Map // the action's result in JSON shape; empty for an error

	// Code is the Query code of an error; empty for a success. Type is its __type (JSON only), Fault is Sender
	// or Receiver, Message the text.
	Code, Type, Fault, Message string
}

// Call sends a request and reads the answer. What every answer must keep (types, request ids, the shape of an
// error, no empty members) is checked on the way and fails the test.
func (c *Client) Call(action string, in Map) Response {
	c.t.Helper()
	return c.CallContext(c.t.Context(), action, in)
}

// CallContext is Call for a request that may be canceled. An ended ctx gives the zero Response.
func (c *Client) CallContext(ctx context.Context, action string, in Map) Response {
	c.t.Helper()
	r, err := c.Request(ctx, action, in)
	if err == nil && c.Sign != nil {
		err = c.Sign(r)
	}
	if err != nil {
		c.t.Errorf("%s %v: write the request: %v", action, in, err)
		return Response{}
	}
	status, header, body, err := c.roundTrip(r)
	if err != nil {
		if ctx.Err() == nil {
			c.t.Errorf("%s %v: %v", action, in, err)
		}
		return Response{}
	}
	return c.Read(action, status, header, body)
}

// Request writes the request as the protocol's clients do, to the server's root.
func (c *Client) Request(ctx context.Context, action string, in Map) (*http.Request, error) {
	if c.Protocol == Query {
		form := Flatten(action, in).Encode()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, Base+"/", strings.NewReader(form))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", FormType)
		return r, nil
	}
	body, err := encodeJSON(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, Base+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", JSONType)
	r.Header.Set("X-Amz-Target", "AmazonSQS."+action)
	return r, nil
}

// roundTrip sends a request and reads the answer to its end.
func (k *Kit) roundTrip(r *http.Request) (status int, header http.Header, body []byte, err error) {
	res, err := k.client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header, body, err
}

// Raw sends a request that the test has written itself. It fails the test when there is no answer.
func (k *Kit) Raw(r *http.Request) (status int, header http.Header, body string) {
	k.t.Helper()
	status, header, b, err := k.roundTrip(r)
	if err != nil {
		k.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return status, header, string(b)
}

// RawCall is Raw for an answer of the client's protocol to the action.
func (c *Client) RawCall(action string, r *http.Request) Response {
	c.t.Helper()
	status, header, body := c.Raw(r)
	return c.Read(action, status, header, []byte(body))
}

// Read takes an answer apart and checks what every answer must keep.
func (c *Client) Read(action string, status int, header http.Header, body []byte) Response {
	c.t.Helper()
	out := Response{Status: status, Header: header, Body: body, Result: Map{}}
	read := readJSON
	if c.Protocol == Query {
		read = readXML
	}
	err := read(action, &out)
	if err == nil {
		err = c.checkRequestID(header.Get("x-amzn-RequestId"))
	}
	if err == nil && out.Code != "" {
		err = checkError(out)
	}
	if err != nil {
		c.t.Errorf("%s (%s): status %d, body %.500q: %v", action, c.Protocol, status, body, err)
	}
	return out
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// checkRequestID wants a UUID that no earlier answer of this Kit had.
func (k *Kit) checkRequestID(id string) error {
	if !uuid.MatchString(id) {
		return fmt.Errorf("x-amzn-RequestId is %q, want a UUID", id)
	}
	if _, seen := k.requestIDs.LoadOrStore(id, true); seen {
		return fmt.Errorf("x-amzn-RequestId %s was used before", id)
	}
	return nil
}

// checkError holds an error against the contract's table.
func checkError(r Response) error {
	row, ok := wireError(r.Code)
	switch {
	case !ok:
		return fmt.Errorf("code %q is not in the contract", r.Code)
	case r.Status != row.Status:
		return fmt.Errorf("status of %s is %d, want %d", r.Code, r.Status, row.Status)
	case r.Type != "" && r.Type != row.Type:
		return fmt.Errorf("__type of %s is %q, want %q", r.Code, r.Type, row.Type)
	case r.Fault == "Sender" != (row.Status < 500):
		return fmt.Errorf("fault of %s is %q", r.Code, r.Fault)
	case r.Message == "":
		return fmt.Errorf("%s has no text", r.Code)
	}
	return nil
}

// readJSON reads an answer of the JSON protocol.
func readJSON(action string, out *Response) error {
	if got := out.Header.Get("Content-Type"); got != JSONType {
		return fmt.Errorf("content type is %q, want %q", got, JSONType)
	}
	result, err := decodeJSON(out.Body)
	if err != nil {
		return err
	}
	if out.Status == http.StatusOK {
		out.Result = result
		if without := resultless(action); without != (len(out.Body) == 0) {
			return fmt.Errorf("the body has %d bytes", len(out.Body))
		}
		return checkFull("$", result)
	}
	code, fault, ok := strings.Cut(out.Header.Get("x-amzn-query-error"), ";")
	if !ok || (fault != "Sender" && fault != "Receiver") {
		return fmt.Errorf("x-amzn-query-error is %q", out.Header.Get("x-amzn-query-error"))
	}
	out.Code, out.Fault = code, fault
	out.Type, _ = result["__type"].(string)
	if out.Type == "" {
		return fmt.Errorf("no __type")
	}
	out.Message, ok = result["message"].(string)
	if !ok {
		out.Message, _ = result["Message"].(string)
	}
	return nil
}

// namespace is on the root of every XML answer.
const namespace = "http://queue.amazonaws.com/doc/2012-11-05/"

// readXML reads an answer of the Query protocol.
func readXML(action string, out *Response) error {
	if got := out.Header.Get("Content-Type"); got != "text/xml" {
		return fmt.Errorf("content type is %q, want text/xml", got)
	}
	root, result, err := decodeXML(action, out.Body)
	if err != nil {
		return err
	}
	if root.XMLName.Space != namespace {
		return fmt.Errorf("namespace is %q", root.XMLName.Space)
	}
	id := root.child("ResponseMetadata").child("RequestId").Text
	if out.Status == http.StatusOK {
		out.Result = result
		if got, want := root.XMLName.Local, action+"Response"; got != want {
			return fmt.Errorf("root is %s, want %s", got, want)
		}
	} else {
		e := root.child("Error")
		out.Code, out.Fault, out.Message = e.child("Code").Text, e.child("Type").Text, e.child("Message").Text
		id = root.child("RequestId").Text
		if root.XMLName.Local != "ErrorResponse" || out.Code == "" || e.child("Detail").XMLName.Local == "" {
			return fmt.Errorf("not a whole ErrorResponse")
		}
	}
	if want := out.Header.Get("x-amzn-RequestId"); id != want {
		return fmt.Errorf("RequestId is %q, the header says %q", id, want)
	}
	return nil
}

// resultless tells the actions whose success has no members at all.
func resultless(action string) bool {
	switch action {
	case "DeleteQueue", "SetQueueAttributes", "DeleteMessage", "ChangeMessageVisibility", "PurgeQueue",
		"AddPermission", "RemovePermission", "TagQueue", "UntagQueue":
		return true
	}
	return false
}
