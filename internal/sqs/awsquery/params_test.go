package awsquery

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// values returns all parameters in order, as name=value.
func values(p Params) []string {
	var list []string
	for _, e := range p.all {
		list = append(list, e.key[p.prefix:]+"="+string(e.value))
	}
	return list
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name  string
		forms []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"empty pairs", []string{"&&a=1&"}, []string{"a=1"}},
		{"no value", []string{"a&b="}, []string{"a=", "b="}},
		{"escapes in names and values", []string{"a%2Eb=c+d%26%3d%C3%A9"}, []string{"a.b=c d&=é"}},
		{"an equals sign in a value", []string{"a=b=c"}, []string{"a=b=c"}},
		{"a semicolon is no separator", []string{"a=1;b=2"}, []string{"a=1;b=2"}},
		{"those of one name keep their order", []string{"a=1&b=0&a=2", "a=3"}, []string{"a=1", "a=2", "a=3", "b=0"}},
		{"branches stand together", []string{"A.1-x=1&A.10.n=2&A.1.n=3&A.1=4&A=5"}, []string{"A=5", "A.1=4", "A.1.n=3", "A.1-x=1", "A.10.n=2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var forms [][]byte
			for _, f := range test.forms {
				forms = append(forms, []byte(f))
			}
			p, err := Parse(forms...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, values(p)); diff != "" {
				t.Errorf("Parse of %q (-want +got):\n%s", test.forms, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, form, want string }{
		{"a percent sign at the end", "a=%", "percent sign"},
		{"a cut escape", "a=%4", "percent sign"},
		{"an escape that is not hexadecimal", "a=%4g", "percent sign"},
		{"bytes that are not UTF-8", "a=%ff", "not valid UTF-8"},
		{"a name that is not UTF-8", "%ff=a", "not valid UTF-8"},
		{"too many parameters", strings.Repeat("a=&", ParamsMax+1), "more than 1000 parameters"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.form))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Parse of %.40q: got %v, want %s", test.form, err, test.want)
			}
		})
	}
}

func TestNumbersAndUnder(t *testing.T) {
	p, err := Parse([]byte("E.999999999999999999999.Id=d&E.2.Id=b&E.10.Id=c&E.1.Id=a&E.1.B=x&E.01.Id=no&E.x.Id=no&E..Id=no&E.-1.Id=no&F.1=y&E.10.A.1.N=z"))
	if err != nil {
		t.Fatal(err)
	}
	list := p.Under("E")
	numbers, other := list.Numbers()
	if diff := cmp.Diff([]string{"1", "2", "10", "999999999999999999999"}, numbers); diff != "" {
		t.Errorf("Numbers (-want +got):\n%s", diff)
	}
	if other != "x" {
		t.Errorf("what is no number is %q, want x", other)
	}
	var ids []string
	for _, n := range numbers {
		id, _ := list.Under(n).Value("Id")
		ids = append(ids, string(id))
	}
	if got := strings.Join(ids, ""); got != "abcd" {
		t.Errorf("the ids are %s, want abcd", got)
	}
	if v, ok := list.Under("10").Under("A").Under("1").Value("N"); !ok || string(v) != "z" {
		t.Errorf("the nested value is %q, %v", v, ok)
	}
	if numbers, other := (Params{}).Numbers(); !p.Under("G").Empty() || len(numbers) != 0 || other != "" {
		t.Error("there is something under a prefix that was not sent")
	}
}

func TestValues(t *testing.T) {
	p, err := Parse([]byte("N=1&N.1=no&E.N=no&N=2&NN=no"), []byte("N=&N=3"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range p.Values("N") {
		got = append(got, string(v))
	}
	if diff := cmp.Diff([]string{"1", "2", "", "3"}, got); diff != "" {
		t.Errorf("Values (-want +got):\n%s", diff)
	}
	if v, ok := p.Value("N"); !ok || string(v) != "3" {
		t.Errorf("Value is %q (%v), want the last one", v, ok)
	}
	if len(p.Values("M")) != 0 {
		t.Error("a name that was not sent has values")
	}
}

// FuzzParse holds the reader equal to net/url wherever that one is strict enough.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a=b&c=%20+", "A.1.Name=x&A.1.Value=y", "%", "a=%ff", "a.b.c.d.e=1&a=2", "=&==&"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, form string) {
		p, err := Parse([]byte(form))
		want, stdErr := url.ParseQuery(strings.ReplaceAll(form, ";", "%3B"))
		if err != nil {
			decoded, _ := url.QueryUnescape(form)
			if stdErr == nil && utf8.ValidString(decoded) && strings.Count(form, "&") < ParamsMax && !strings.Contains(form, "%") {
				t.Fatalf("Parse of %q: %v", form, err)
			}
			return
		}
		if stdErr != nil {
			t.Fatalf("Parse of %q succeeds, net/url says %v", form, stdErr)
		}
		total := 0
		for name, list := range want {
			total += len(list)
			if v, ok := p.Value(name); !ok || string(v) != list[len(list)-1] {
				t.Fatalf("Parse of %q: %q is %q (%v), want %q", form, name, v, ok, list[len(list)-1])
			}
			if n := len(p.Values(name)); n != len(list) {
				t.Fatalf("Parse of %q: %q has %d values, want %d", form, name, n, len(list))
			}
		}
		if len(p.all) != total {
			t.Fatalf("Parse of %q has %d parameters, net/url %d", form, len(p.all), total)
		}
		numbers, _ := p.Under("A").Numbers()
		for _, n := range numbers {
			p.Under("A").Under(n).Value("Name")
		}
	})
}

// TestOrderFindsEverything holds the search equal to a plain look at all names.
func TestOrderFindsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a.1\-]{1,6}`), rapid.ID).Draw(t, "names")
		var form []string
		for i, name := range names {
			form = append(form, fmt.Sprintf("%s=%d", name, i))
		}
		p, err := Parse([]byte(strings.Join(form, "&")))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if v, ok := p.Value(name); !ok || string(v) != fmt.Sprint(i) {
				t.Errorf("%q is %q (%v), want %d", name, v, ok, i)
			}
		}
		for _, prefix := range []string{"a", "1", "a.1", "-"} {
			var want []string
			for i, name := range names {
				if rest, ok := strings.CutPrefix(name, prefix+"."); ok {
					want = append(want, fmt.Sprintf("%s=%d", rest, i))
				}
			}
			got := values(p.Under(prefix))
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("under %q of %q (-want +got):\n%s", prefix, names, diff)
			}
		}
	})
}

// TestWriterIsRead writes random texts and reads them back with encoding/xml.
func TestWriterIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a"'<>&\r\n\t ]{0,20}`)).Draw(t, "text")
		var w Writer
		w.Header("R", "urn:x")
		w.Text("T", text)
		w.Blob("B", []byte(text))
		w.Int("I", -5)
		w.Bool("Y", true)
		w.Close("R")
		var got struct {
			XMLName xml.Name `xml:"urn:x R"`
			T       string
			B       []byte
			I       int
			Y       bool
		}
		if err := xml.Unmarshal(w.Buf, &got); err != nil {
			t.Fatalf("%q: %v", w.Buf, err)
		}
		want := strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				return utf8.RuneError
			}
			return r
		}, text)
		if got.T != want || got.I != -5 || !got.Y {
			t.Errorf("read %q, wrote %q as %q", got.T, text, w.Buf)
		}
	})
}

func TestWriterWritesEmptyElementsShort(t *testing.T) {
	var w Writer
	w.Header("R", "")
	w.Text("A", "")
	w.Open("B")
	w.Text("B", "")
	w.Close("B")
	w.Close("R")
	if got, want := string(w.Buf), `<?xml version="1.0"?><R><A/><B><B/></B></R>`; got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}
