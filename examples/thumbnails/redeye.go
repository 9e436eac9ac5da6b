package main

import (
	"image"
	"image/color"
)

// What is taken for a red eye: a spot of strong red that is small, about as wide as high, and well filled.
const (
	eyePixelsMin   = 4
	eyeShareMax    = 0.004 // of the picture
	eyeStretchMax  = 2.0   // the longer side by the shorter one
	eyeFillMin     = 0.55  // of the box around it; a disc fills 0.79
	eyeRednessMin  = 90
	eyeRednessRate = 1.8 // red by the larger of green and blue
)

// removeRedEyes makes the pupils that a flash has coloured dark again. What is red and large, or long and thin, like a
// roof or a lip, stays red.
func removeRedEyes(p *image.RGBA) {
	seen := make([]bool, p.Rect.Dx()*p.Rect.Dy())
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y++ {
		for x := p.Rect.Min.X; x < p.Rect.Max.X; x++ {
			at := image.Pt(x, y)
			if spot := redSpot(p, at, seen); spot.isEye(p.Rect) {
				spot.darken(p)
			}
		}
	}
}

// spot is a connected piece of red.
type spot struct {
	pixels []image.Point
	box    image.Rectangle
}

// redSpot collects the red pixels that hang together with at, and marks them as seen. It is empty when at is not red, or
// was seen before.
func redSpot(p *image.RGBA, at image.Point, seen []bool) spot {
	var s spot
	reach := func(q image.Point) {
		if !q.In(p.Rect) {
			return
		}
		i := (q.Y-p.Rect.Min.Y)*p.Rect.Dx() + q.X - p.Rect.Min.X
		if seen[i] || !red(p.RGBAAt(q.X, q.Y)) {
			return
		}
		seen[i] = true
		s.pixels = append(s.pixels, q)
		s.box = s.box.Union(image.Rectangle{Min: q, Max: q.Add(image.Pt(1, 1))})
	}
	reach(at)
	for i := 0; i < len(s.pixels); i++ { // it grows meanwhile
		q := s.pixels[i]
		reach(q.Add(image.Pt(1, 0)))
		reach(q.Add(image.Pt(-1, 0)))
		reach(q.Add(image.Pt(0, 1)))
		reach(q.Add(image.Pt(0, -1)))
	}
	return s
}

func red(c color.RGBA) bool {
	return c.R >= eyeRednessMin && float64(c.R) >= eyeRednessRate*float64(max(c.G, c.B))
}

func (s spot) isEye(picture image.Rectangle) bool {
	n := float64(len(s.pixels))
	if n < eyePixelsMin || n > eyeShareMax*float64(picture.Dx()*picture.Dy()) {
		return false
	}
	w, h := float64(s.box.Dx()), float64(s.box.Dy())
	return max(w, h) <= eyeStretchMax*min(w, h) && n >= eyeFillMin*w*h
}

// darken gives each pixel as much red as it has of the other colours.
func (s spot) darken(p *image.RGBA) {
	for _, q := range s.pixels {
		c := p.RGBAAt(q.X, q.Y)
		c.R = uint8((int(c.G) + int(c.B)) / 2)
		p.SetRGBA(q.X, q.Y, c)
	}
}
