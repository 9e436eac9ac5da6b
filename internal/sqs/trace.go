package sqs

import (
	"net/http"
	"strings"
)

// traceHeaderMax bounds a trace header in bytes. Longer ones are ignored: they are not part of a message's size.
const traceHeaderMax = 1024

// traceHeader returns what a message sent with these headers carries as its AWSTraceHeader when its sender gave
// none: X-Amzn-Trace-Id, else a W3C traceparent in the form of the former; empty for none.
func traceHeader(h http.Header) string {
	if t := h.Get("X-Amzn-Trace-Id"); t != "" {
		if len(t) > traceHeaderMax || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r > '~' }) {
			return ""
		}
		return strings.Clone(t) // a message keeps it, but not what came with it
	}
	return fromTraceparent(h.Get("Traceparent"))
}

// fromTraceparent converts version-trace-parent-flags, all lower-case hex.
func fromTraceparent(s string) string {
	if s == "" {
		return ""
	}
	part := strings.Split(s, "-")
	if len(part) < 4 || len(part[0]) != 2 || part[0] == "ff" || part[0] == "00" && len(part) > 4 ||
		len(part[1]) != 32 || len(part[2]) != 16 || len(part[3]) != 2 {
		return ""
	}
	for _, p := range part[:4] {
		if strings.Trim(p, "0123456789abcdef") != "" {
			return ""
		}
	}
	if strings.Trim(part[1], "0") == "" || strings.Trim(part[2], "0") == "" {
		return ""
	}
	sampled := "0"
	if strings.IndexByte("13579bdf", part[3][1]) >= 0 {
		sampled = "1"
	}
	return "Root=1-" + part[1][:8] + "-" + part[1][8:] + ";Parent=" + part[2] + ";Sampled=" + sampled
}
