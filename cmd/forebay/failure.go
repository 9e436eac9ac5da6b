package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
)

// The exit codes. They are part of the interface: scripts branch on them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitDenied      = 4
	exitConflict    = 5
	exitEmpty       = 6
	exitUnreachable = 7
	exitInterrupted = 130
	exitPipe        = 141
)

// exitCodesTopic is the page that `forebay help exit-codes` shows.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Exit codes of forebay:

    0  done
    1  failed; a server that stops because its store has failed ends with 1 too
    2  bad usage: an unknown command or flag, a bad value, a mistake in the configuration file
    3  not found: no such queue, key or file
    4  refused: unknown key, wrong signature, or no permission
    5  conflict: exists already, is in use, or was deleted or purged a moment ago
    6  empty: receive --expect found no message in time
    7  no server answers at the endpoint, or none that is trusted
  130  interrupted by Ctrl-C
  141  what read the output has gone, as in "forebay … | head"

Output that could not be written is a failure too (1), whatever the command did before.`,
	}
}

// failure is an error as the user sees it: what happened, then what helps.
type failure struct {
	code  int
	what  string
	hints []string // lines below, indented; the command that fixes it
	err   error
}

// Error returns what happened.
func (f *failure) Error() string { return f.what }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

func (f *failure) text() string {
	var b strings.Builder
	if f.what != "" {
		b.WriteString("error: " + f.what + "\n")
	}
	for _, hint := range f.hints {
		b.WriteString("  " + hint + "\n")
	}
	return b.String()
}

// usage is a failure for which the command line is to blame.
func usage(format string, args ...any) error {
	return &failure{code: exitUsage, what: fmt.Sprintf(format, args...)}
}

// fail is a failure without a code of its own.
func fail(format string, args ...any) error {
	return &failure{code: exitFailed, what: fmt.Sprintf(format, args...)}
}

// asFailure turns any error into what the user sees.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if errors.Is(err, context.Canceled) {
		return &failure{code: exitInterrupted, what: "interrupted"}
	}
	if called, ok := errors.AsType[*url.Error](err); ok {
		if f := connectionFailure(baseOf(called.URL), err); f != nil {
			return f
		}
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return apiFailure(api)
	}
	if strings.HasPrefix(err.Error(), "required flag") {
		return &failure{code: exitUsage, what: err.Error()}
	}
	return &failure{code: exitFailed, what: plainText(err), err: err}
}

// baseOf is the scheme and host of a URL.
func baseOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// apiFailure words an error of the server. Codes come in the names of both protocols.
func apiFailure(err smithy.APIError) *failure {
	f := &failure{code: exitFailed, what: err.ErrorMessage(), err: err}
	if f.what == "" {
		f.what = err.ErrorCode()
	}
	code := err.ErrorCode()
	code = code[strings.LastIndexAny(code, ".#")+1:]
	switch code {
	case "NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException":
		f.code = exitNotFound
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
		"MissingAuthenticationToken", "IncompleteSignature", "RequestExpired", "ExpiredToken", "InvalidSecurity":
		f.code = exitDenied
		f.hints = []string{`Use the server's own key:  eval "$(forebay env)"`, "See what is wrong:         forebay doctor"}
	case "AccessDenied", "AccessDeniedException":
		f.code = exitDenied
	case "QueueNameExists", "QueueAlreadyExists", "QueueDeletedRecently", "PurgeQueueInProgress":
		f.code = exitConflict
	case "InvalidParameterValue", "InvalidAttributeName", "InvalidAttributeValue", "MissingParameter",
		"InvalidParameterValueException", "InvalidMessageContents", "ReceiptHandleIsInvalid", "InvalidIdFormat":
		f.code = exitUsage
	}
	return f
}
