package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
)

// makeSamples draws n photos into an empty folder, and adds one that is cut short, to see what becomes of such.
func makeSamples(folder *os.Root, n int) error {
	for i := range n {
		size := image.Pt(1200, 900)
		if i%3 == 2 {
			size = image.Pt(900, 1200)
		}
		p := scene(size, uint64(i))
		name, encode := fmt.Sprintf("scene-%02d.jpg", i+1), func(w io.Writer) error { return jpeg.Encode(w, p, nil) }
		if i%5 == 4 {
			name, encode = fmt.Sprintf("scene-%02d.png", i+1), func(w io.Writer) error { return png.Encode(w, p) }
		}
		if err := save(folder, name, encode); err != nil {
			return err
		}
	}
	var whole bytes.Buffer
	if err := jpeg.Encode(&whole, scene(image.Pt(400, 300), 0), nil); err != nil {
		return err
	}
	return save(folder, "torn.jpg", func(w io.Writer) error {
		_, err := w.Write(whole.Bytes()[:whole.Len()/2])
		return err
	})
}

var (
	sky    = color.RGBA{120, 180, 235, 255}
	dusk   = color.RGBA{250, 200, 150, 255}
	sun    = color.RGBA{255, 240, 170, 255}
	meadow = color.RGBA{80, 140, 60, 255}
	wall   = color.RGBA{235, 225, 200, 255}
	roof   = color.RGBA{190, 40, 35, 255}
	skin   = color.RGBA{230, 185, 150, 255}
	flash  = color.RGBA{225, 30, 40, 255}
	white  = color.RGBA{250, 250, 250, 255}
)

// scene draws a house on a hill, and in front of it somebody whose eyes the flash has caught. The number makes each its
// own. All measures are in parts of the shorter side.
func scene(size image.Point, number uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(number, 2026))
	between := func(low, high float64) float64 { return low + r.Float64()*(high-low) }
	unit := float64(min(size.X, size.Y))
	width, height := float64(size.X)/unit, float64(size.Y)/unit
	sunX, sunY, sunR := between(0.1, width-0.1), between(0.1, 0.3), between(0.05, 0.1)
	hill, wave := between(0.05, 0.12), between(0, math.Pi)
	houseX, houseY := between(0.1, width-0.5), height*0.5
	faceX, faceY, faceR := between(0.3, width-0.3), height-0.25, between(0.14, 0.18)

	disc := func(x, y, cx, cy, radius float64) bool { return math.Hypot(x-cx, y-cy) < radius }
	p := image.NewRGBA(image.Rectangle{Max: size})
	for py := range size.Y {
		for px := range size.X {
			x, y := float64(px)/unit, float64(py)/unit
			c := mix(sky, dusk, y/height)
			if disc(x, y, sunX, sunY, sunR) {
				c = sun
			}
			if y > height*0.62+hill*math.Sin(x*3+wave) {
				c = meadow
			}
			if x > houseX && x < houseX+0.35 && y > houseY && y < houseY+0.25 {
				c = wall
			}
			if y < houseY && y > houseY-0.18 && math.Abs(x-houseX-0.175) < 0.2*(1-(houseY-y)/0.18) {
				c = roof
			}
			if disc(x, y, faceX, faceY, faceR) {
				c = skin
			}
			for _, side := range []float64{-1, 1} {
				eyeX, eyeY := faceX+side*faceR*0.4, faceY-faceR*0.2
				if disc(x, y, eyeX, eyeY, faceR*0.2) {
					c = white
				}
				if disc(x, y, eyeX, eyeY, faceR*0.11) {
					c = flash
				}
			}
			p.SetRGBA(px, py, c)
		}
	}
	return p
}

// mix is a colour between two.
func mix(a, b color.RGBA, share float64) color.RGBA {
	part := func(a, b uint8) uint8 { return uint8(float64(a) + share*(float64(b)-float64(a))) }
	return color.RGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 255}
}
