package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/forebay-mq/forebay/queued"
)

// readTarget returns path and query of a request as they travel: byte for byte as they came, but for bytes outside ASCII,
// which it percent-encodes. It refuses what two readers could take for two different paths.
func readTarget(r *http.Request) (string, *problem) {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		return "", &problem{status: http.StatusMethodNotAllowed, what: r.Method + " does not go through a queue"}
	}
	target, p := originForm(r.RequestURI)
	if p != nil {
		return "", p
	}
	target = encodeBytes(target)
	if len(target) > queued.URLBytesMax {
		return "", &problem{status: http.StatusRequestURITooLong,
			what: fmt.Sprintf("the URL has %d bytes, at most %d", len(target), queued.URLBytesMax)}
	}
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return "", misread("the request target must be a path that begins with one slash")
	}
	path, _, _ := strings.Cut(target, "?")
	for _, trick := range []string{"%00", "\\", "#"} {
		if strings.Contains(path, trick) {
			return "", misread("the path holds %s, which servers read in different ways", trick)
		}
	}
	for segment := range strings.FieldsFuncSeq(r.URL.Path, func(c rune) bool { return c == '/' || c == '\\' }) {
		if segment == "." || segment == ".." {
			return "", misread("the path has the segment %q; send it resolved", segment)
		}
	}
	return target, nil
}

// misread refuses a target that another server could take for another.
func misread(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, what: fmt.Sprintf(format, args...)}
}

// originForm is path and query of a request target, which may be a whole URL (RFC 9112, 3.2.2). The host of that is the
// request's already, as net/http reads it.
func originForm(target string) (string, *problem) {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return target, nil
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 || strings.Contains(rest[:end], "@") {
		return "", misread("the request target names no host, or a user")
	}
	if rest = rest[end:]; !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	return rest, nil
}

// encodeBytes percent-encodes what is outside ASCII, as clients should have.
func encodeBytes(target string) string {
	var b strings.Builder
	for i := range len(target) {
		if c := target[i]; c >= 0x80 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// encodedSlash finds what is a slash for some servers, and part of a name for others.
var encodedSlash = strings.NewReplacer("%2F", "%252F", "%2f", "%252F", "%5C", "%255C", "%5c", "%255C")

// otherPath is the path of a request as servers see it for which an encoded slash is part of a name. ok is false when
// there is none in it.
func otherPath(r *http.Request) (path string, ok bool) {
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	masked := encodedSlash.Replace(raw)
	if masked == raw {
		return "", false
	}
	path, err := url.PathUnescape(masked)
	return path, err == nil
}

// checkSlashes refuses a request that would go elsewhere if its encoded slashes were read in the other way.
func (g *Gateway) checkSlashes(r *http.Request) *problem {
	path, ok := otherPath(r)
	if !ok {
		return nil
	}
	one, _ := g.laneFor(r, r.URL.Path)
	other, _ := g.laneFor(r, path)
	if one == other && g.isOwn(r.URL.Path) == g.isOwn(path) {
		return nil
	}
	return misread("the path holds an encoded slash, and depending on how that is read it belongs to two routes; " +
		"send it with a plain slash")
}
