package access

import (
	"os"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// TestThePoliciesOfTheDocumentsAreGood reads every policy that docs/access.md shows.
func TestThePoliciesOfTheDocumentsAreGood(t *testing.T) {
	text, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```json\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("there are %d policies in the document, want 2 at least", len(blocks))
	}
	for _, block := range blocks {
		policy, _, _ := strings.Cut(block, "```")
		if _, err := queue.ParsePolicy(strings.TrimSpace(policy)); err != nil {
			t.Errorf("%s\n%v", policy, err)
		}
	}
}
