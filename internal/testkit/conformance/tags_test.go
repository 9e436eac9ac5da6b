package conformance

import (
	"fmt"
	"testing"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// tagRows are the rows about tags.
func tagRows() []row {
	return []row{
		{id: "SQS-TAG-01", test: tagsAreKept},
		{id: "SQS-TAG-02", test: tagKeys},
		{id: "SQS-TAG-03", test: tooManyTags},
		{id: "SQS-TAG-04", test: longTags},
	}
}

// tags returns the tags of a queue.
func tags(c *testkit.Client, url string) map[string]string {
	return testkit.Texts(c.OK("ListQueueTags", Map{"QueueUrl": url})["Tags"])
}

func tagsAreKept(t *testing.T, c *testkit.Client) {
	url := text(c.OK("CreateQueue", Map{"QueueName": "q", "tags": Map{"a": "1", "b": ""}}), "QueueUrl")
	same(t, "from create", tags(c, url), map[string]string{"a": "1", "b": ""})
	c.OK("TagQueue", Map{"QueueUrl": url, "Tags": Map{"a": "2", "c": "", "é 😀": "ö"}})
	want := map[string]string{"a": "2", "b": "", "c": "", "é 😀": "ö"}
	same(t, "after TagQueue", tags(c, url), want)
	c.SetAttributes(url, Map{"DelaySeconds": "1"})
	c.Restart()
	same(t, "after a restart", tags(c, url), want)
}

func tagKeys(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	c.OK("TagQueue", Map{"QueueUrl": url, "Tags": Map{"Key": "1", "key": "2"}})
	same(t, "both", tags(c, url), map[string]string{"Key": "1", "key": "2"})
	c.OK("UntagQueue", Map{"QueueUrl": url, "TagKeys": List{"KEY", "key"}})
	same(t, "one removed", tags(c, url), map[string]string{"Key": "1"})
}

func tooManyTags(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	fifty := Map{}
	for n := range 50 {
		fifty[fmt.Sprint(n)] = "old"
	}
	c.OK("TagQueue", Map{"QueueUrl": url, "Tags": fifty})
	c.Refused("TagQueue", Map{"QueueUrl": url, "Tags": Map{"50": "new"}}, badParameter, "Too many tags added for queue q.")
	c.OK("TagQueue", Map{"QueueUrl": url, "Tags": Map{"49": "new", "0": "new"}})
	got := tags(c, url)
	same(t, "tags", len(got), 50)
	same(t, "overwritten", got["49"], "new")
}

func longTags(t *testing.T, c *testkit.Client) {
	url := c.CreateQueue("q", nil)
	long := Map{repeat("é", 128): repeat("ö", 256)}
	c.OK("TagQueue", Map{"QueueUrl": url, "Tags": long})
	const text = "Tag keys must be between 1 and 128 characters in length."
	for _, key := range []string{repeat("k", 129), ""} {
		c.Refused("TagQueue", Map{"QueueUrl": url, "Tags": Map{key: "v"}}, badParameter, text)
		c.Refused("CreateQueue", Map{"QueueName": "x", "tags": Map{key: "v"}}, badParameter, text)
	}
	c.Refused("TagQueue", Map{"QueueUrl": url, "Tags": Map{"k": repeat("v", 257)}}, badParameter, "")
	same(t, "tags", tags(c, url), testkit.Texts(long))
}
