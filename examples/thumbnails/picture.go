package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // formats that decode takes
	_ "image/png"
	"io"
)

// pixelsMax bounds the size of a photo: a small file can claim to be a huge one.
const pixelsMax = 100_000_000

// decode reads a JPEG or PNG, puts it on white, and moves its corner to 0, 0.
func decode(r io.ReadSeeker) (*image.RGBA, error) {
	c, format, err := image.DecodeConfig(r)
	if err != nil {
		return nil, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > pixelsMax/c.Height {
		return nil, fmt.Errorf("%s of %d×%d pixels: more than %d are not taken", format, c.Width, c.Height, pixelsMax)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	decoded, _, err := image.Decode(r)
	if err != nil {
		return nil, err
	}
	p := image.NewRGBA(image.Rectangle{Max: decoded.Bounds().Size()})
	draw.Draw(p, p.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(p, p.Rect, decoded, decoded.Bounds().Min, draw.Over)
	return p, nil
}

// resize shrinks p so that it fits into width × height, and keeps its proportions. It never enlarges.
func resize(p *image.RGBA, width, height int) *image.RGBA {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	if w <= width && h <= height {
		return p
	}
	if w*height > h*width { // the width is what limits
		height = max(1, h*width/w)
	} else {
		width = max(1, w*height/h)
	}
	return squeeze(squeeze(p, width), height)
}

// squeeze makes the rows of p width pixels long and writes them as columns, so that twice is the whole picture. Each new
// pixel is the mean of the old ones that it covers, those at its ends in part: in units of 1/width, the old pixel i
// reaches from i*width to (i+1)*width, and the new pixel x from x*old to (x+1)*old.
func squeeze(p *image.RGBA, width int) *image.RGBA {
	old, rows := p.Rect.Dx(), p.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, rows, width))
	for y := range rows {
		row := p.Pix[p.PixOffset(p.Rect.Min.X, p.Rect.Min.Y+y):]
		for x := range width {
			from, to := x*old, (x+1)*old
			var sum [4]int
			for i := from / width; i*width < to; i++ {
				weight := min((i+1)*width, to) - max(i*width, from)
				for c := range sum {
					sum[c] += weight * int(row[4*i+c])
				}
			}
			at := out.PixOffset(y, x)
			for c := range sum {
				out.Pix[at+c] = uint8((sum[c] + old/2) / old)
			}
		}
	}
	return out
}

// crop cuts the largest part out of the middle of p that is as wide to high as width to height.
func crop(p *image.RGBA, width, height int) *image.RGBA {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	if w*height > h*width {
		w = max(1, h*width/height)
	} else {
		h = max(1, w*height/width)
	}
	corner := p.Rect.Min.Add(image.Pt((p.Rect.Dx()-w)/2, (p.Rect.Dy()-h)/2))
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, p, corner, draw.Src)
	return out
}

// rotate turns p clockwise by 90, 180 or 270 degrees.
func rotate(p *image.RGBA, degrees int) *image.RGBA {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	size := image.Pt(w, h)
	if degrees != 180 {
		size = image.Pt(h, w)
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	for y := range h {
		for x := range w {
			to := image.Pt(w-1-x, h-1-y)
			switch degrees {
			case 90:
				to = image.Pt(h-1-y, x)
			case 270:
				to = image.Pt(y, w-1-x)
			}
			out.SetRGBA(to.X, to.Y, p.RGBAAt(p.Rect.Min.X+x, p.Rect.Min.Y+y))
		}
	}
	return out
}

// greyscale takes the colours out of p, and leaves each pixel as bright as it looks.
func greyscale(p *image.RGBA) {
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y++ {
		for x := p.Rect.Min.X; x < p.Rect.Max.X; x++ {
			grey := color.GrayModel.Convert(p.RGBAAt(x, y)).(color.Gray).Y
			p.SetRGBA(x, y, color.RGBA{grey, grey, grey, 0xff})
		}
	}
}
