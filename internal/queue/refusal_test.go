package queue

import (
	"errors"
	"strings"
	"testing"
)

// checkRefusal fails the test unless err has this code and a text that contains text. Code zero and text ""
// stand for no error.
func checkRefusal(t *testing.T, input any, err error, code Code, text string) {
	t.Helper()
	if code == 0 && text == "" {
		if err != nil {
			t.Errorf("%.100v: got error %v, want none", input, err)
		}
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Errorf("%.100v: got %v, want code %d with %q", input, err, code, text)
		return
	}
	if e.Code != code || !strings.Contains(e.Message, text) {
		t.Errorf("%.100v: got code %d with %q, want code %d with %q", input, e.Code, e.Message, code, text)
	}
}
