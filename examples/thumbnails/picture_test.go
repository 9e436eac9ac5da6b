package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// drawn is a picture from text: one letter is one pixel.
func drawn(text string) *image.RGBA {
	colours := map[rune]color.RGBA{'r': {200, 0, 0, 255}, 'g': {0, 200, 0, 255}, 'b': {0, 0, 200, 255}, '.': {255, 255, 255, 255}, '#': {0, 0, 0, 255}}
	rows := strings.Fields(text)
	p := image.NewRGBA(image.Rect(0, 0, len(rows[0]), len(rows)))
	for y, row := range rows {
		for x, letter := range row {
			p.SetRGBA(x, y, colours[letter])
		}
	}
	return p
}

func TestOperations(t *testing.T) {
	const picture = "rg# b.# b.."
	for name, row := range map[string]struct {
		do   Operation
		want string
	}{
		"a quarter turn is clockwise":      {Operation{Name: "rotate", Degrees: 90}, "bbr ..g .##"},
		"a half turn":                      {Operation{Name: "rotate", Degrees: 180}, "..b #.b #gr"},
		"three quarters":                   {Operation{Name: "rotate", Degrees: 270}, "##. g.. rbb"},
		"a crop keeps the middle":          {Operation{Name: "crop", Width: 1, Height: 3}, "g . ."},
		"of the ratio that is asked for":   {Operation{Name: "crop", Width: 30, Height: 10}, "b.#"},
		"what is small is not enlarged":    {Operation{Name: "resize", Width: 9, Height: 9}, picture},
		"one that hangs together is red":   {Operation{Name: "red-eye"}, picture},
		"to its own size it does not move": {Operation{Name: "resize", Width: 3, Height: 3}, picture},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := row.do.apply(drawn(picture)), drawn(row.want)
			if got.Rect != want.Rect || !bytes.Equal(got.Pix, want.Pix) {
				t.Errorf("%+v makes %v %v of %q, want %v %v", row.do, got.Rect, got.Pix, picture, want.Rect, want.Pix)
			}
		})
	}
}

func TestResizeTakesTheMeanOfWhatAPixelCovers(t *testing.T) {
	p := image.NewRGBA(image.Rect(0, 0, 3, 2)) // to 2 columns: each covers one and a half
	for i, v := range []uint8{0, 90, 240, 0, 90, 240} {
		p.SetRGBA(i%3, i/3, color.RGBA{v, v, v, 255})
	}
	got := squeeze(squeeze(p, 2), 1)
	if l, r := got.RGBAAt(0, 0).R, got.RGBAAt(1, 0).R; got.Rect != image.Rect(0, 0, 2, 1) || l != 30 || r != 190 {
		t.Errorf("%v with %d and %d, want (0+90/2)/1.5 = 30 and (90/2+240)/1.5 = 190", got.Rect, l, r)
	}
	if got := resize(image.NewRGBA(image.Rect(0, 0, 4000, 3000)), 160, 160); got.Rect != image.Rect(0, 0, 160, 120) {
		t.Errorf("4000×3000 into 160×160 is %v", got.Rect)
	}
	if got := resize(image.NewRGBA(image.Rect(0, 0, 5000, 2)), 100, 100); got.Rect != image.Rect(0, 0, 100, 1) {
		t.Errorf("a line becomes %v", got.Rect)
	}
}

func TestGreyscaleKeepsHowBrightAPixelLooks(t *testing.T) {
	p := drawn("rgb.")
	greyscale(p)
	for x, want := range []uint8{60, 117, 22, 255} {
		if got := p.RGBAAt(x, 0); got != (color.RGBA{want, want, want, 255}) {
			t.Errorf("pixel %d is %v, want %d", x, got, want)
		}
	}
}

func TestRedEyesGoAndARedRoofStays(t *testing.T) {
	p := scene(image.Pt(400, 300), 1)
	count := func(c color.RGBA) (n int) {
		for y := range 300 {
			for x := range 400 {
				if p.RGBAAt(x, y) == c {
					n++
				}
			}
		}
		return n
	}
	eyes, roofs := count(flash), count(roof)
	if eyes == 0 || roofs == 0 {
		t.Fatalf("%d pixels of red eyes and %d of roof: nothing is tested", eyes, roofs)
	}
	removeRedEyes(p)
	if got := count(flash); got != 0 {
		t.Errorf("%d of %d pixels are still red", got, eyes)
	}
	if got := count(roof); got != roofs {
		t.Errorf("%d of %d pixels of the roof are left", got, roofs)
	}
}

func TestParseJobRefuses(t *testing.T) {
	for name, row := range map[string]struct{ body, want string }{
		"what is no JSON":       {"hello", "no job"},
		"an unknown key":        {`{"foto":"a.jpg"}`, "foto"},
		"a job without a photo": {`{"result":"a"}`, "both a photo and a result"},
		"nothing to do":         {`{"photo":"a","result":"b"}`, "0 operations"},
		"an unknown operation":  {`{"photo":"a","result":"b","operations":[{"name":"sharpen"}]}`, `operation 1: "sharpen"`},
		"a crooked rotation":    {`{"photo":"a","result":"b","operations":[{"name":"rotate","degrees":45}]}`, "45 degrees"},
		"a giant":               {`{"photo":"a","result":"b","operations":[{"name":"resize","width":1000000,"height":2}]}`, "1000000×2"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseJob(row.body); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: the error is %v, want one with %q", row.body, err, row.want)
			}
		})
	}
}

func TestNamesDoNotLeadOutOfTheFolders(t *testing.T) {
	base := t.TempDir()
	f, err := openFolders(base+"/photos", base+"/results")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j := jobsFor("../secret.png")[0]
	if err := f.make(t.Context(), j); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("a photo from outside: %v", err)
	}
	if err := saveJPEG(f.results, "../out.jpg", drawn("r")); err == nil {
		t.Error("a result was written outside")
	}
	if left, _ := names(f.results, func(string) bool { return true }); len(left) > 0 {
		t.Errorf("%v is left of it", left)
	}
}

func TestDecodePutsATransparentPictureOnWhite(t *testing.T) {
	half := image.NewNRGBA(image.Rect(5, 5, 6, 6))
	half.SetNRGBA(5, 5, color.NRGBA{255, 0, 0, 0})
	var file bytes.Buffer
	if err := png.Encode(&file, half); err != nil {
		t.Fatal(err)
	}
	got, err := decode(bytes.NewReader(file.Bytes()))
	if err != nil || got.Rect != image.Rect(0, 0, 1, 1) || got.RGBAAt(0, 0) != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("%v, %v", got, err)
	}
}
