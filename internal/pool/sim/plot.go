package sim

import (
	"fmt"
	"html"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Line is one policy in a plot.
type Line struct {
	Name   string
	Points []Point
}

// Plot writes an SVG picture of backlog, workers and wait over time, one above the other, with a line for each
// policy. The wait objective is drawn where the waits are.
func Plot(out io.Writer, title string, objective time.Duration, lines []Line) error {
	p := plot{lines: lines, span: spanOf(lines)}
	p.open(title)
	p.panel(0, "visible messages", 0, func(at Point) float64 { return float64(at.Backlog) })
	p.panel(1, "workers, booting ones too", 0, func(at Point) float64 { return float64(at.Up + at.Booting) })
	p.panel(2, "wait of the oldest, s", objective.Seconds(), func(at Point) float64 { return at.Wait.Seconds() })
	p.hours()
	p.text.WriteString("</svg>\n")
	_, err := io.WriteString(out, p.text.String())
	return err
}

// The measures of the picture, in pixels.
const (
	plotWidth   = 1000
	plotLeft    = 70
	plotRight   = 20
	plotBottom  = 50
	plotDrawing = plotWidth - plotLeft - plotRight
	panelHeight = 180
	panelGap    = 40
	panels      = 3
	titleHeight = 30
	legendRow   = 20
	legendTop   = 46
	legendWide  = 4 // names in a row
)

// colours can be told apart by most people with a colour-vision deficiency (after Okabe and Ito).
func colours() []string {
	return []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"}
}

// plot is a picture under way.
type plot struct {
	lines []Line
	span  time.Duration
	text  strings.Builder
}

func (p *plot) printf(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// top is where a panel begins, below the legend.
func (p *plot) top(nth int) int {
	rows := (len(p.lines) + legendWide - 1) / legendWide
	return titleHeight + rows*legendRow + panelGap + nth*(panelHeight+panelGap)
}

// bottom is where the last panel ends.
func (p *plot) bottom() int { return p.top(panels-1) + panelHeight }

// spanOf is the time that the lines cover.
func spanOf(lines []Line) time.Duration {
	span := time.Second
	for _, l := range lines {
		if n := len(l.Points); n > 0 {
			span = max(span, l.Points[n-1].At)
		}
	}
	return span
}

// open writes the frame, the title and the legend.
func (p *plot) open(title string) {
	height := p.bottom() + plotBottom
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, plotWidth, height)
	p.printf(`<title>%s</title>`, html.EscapeString(title))
	p.printf(`<rect width="%d" height="%d" fill="white"/>`, plotWidth, height)
	p.printf(`<text x="%d" y="24" font-size="16">%s</text>`, plotLeft, html.EscapeString(title))
	for i, l := range p.lines {
		x, y := plotLeft+i%legendWide*plotDrawing/legendWide, legendTop+i/legendWide*legendRow
		p.printf(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="3"/>`, x, y, x+18, y, colour(i))
		p.printf(`<text x="%d" y="%d">%s</text>`, x+24, y+4, html.EscapeString(l.Name))
	}
}

func colour(i int) string { return colours()[i%len(colours())] }

// panel draws one quantity of all lines; mark is drawn as a dashed line unless it is zero.
func (p *plot) panel(nth int, label string, mark float64, value func(Point) float64) {
	top := p.top(nth)
	most := mark
	for _, l := range p.lines {
		for _, point := range l.Points {
			most = max(most, value(point))
		}
	}
	step := niceStep(most)
	most = max(math.Ceil(most/step), 1) * step
	y := func(v float64) float64 { return float64(top) + panelHeight*(1-v/most) }

	p.printf(`<text x="%d" y="%d" fill="#333">%s</text>`, plotLeft, top-8, html.EscapeString(label))
	for v := 0.0; v <= most+step/2; v += step {
		p.printf(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`, plotLeft, y(v), plotWidth-plotRight, y(v))
		p.printf(`<text x="%d" y="%.1f" text-anchor="end" fill="#333">%s</text>`, plotLeft-8, y(v)+4, strconv.FormatFloat(v, 'g', 6, 64))
	}
	if mark > 0 {
		p.printf(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#333" stroke-dasharray="6 4"/>`, plotLeft, y(mark), plotWidth-plotRight, y(mark))
		p.printf(`<text x="%d" y="%.1f" text-anchor="end" fill="#333">objective</text>`, plotWidth-plotRight, y(mark)-4)
	}
	for i, l := range p.lines {
		var path strings.Builder
		for j, point := range l.Points {
			letter := 'L'
			if j == 0 {
				letter = 'M'
			}
			fmt.Fprintf(&path, "%c%.1f %.1f", letter, p.x(point.At), y(value(point)))
		}
		p.printf(`<path d="%s" fill="none" stroke="%s" stroke-width="1.3" stroke-linejoin="round"/>`, path.String(), colour(i))
	}
}

func (p *plot) x(at time.Duration) float64 {
	return plotLeft + plotDrawing*at.Seconds()/p.span.Seconds()
}

// hours draws the axis of time under the last panel.
func (p *plot) hours() {
	unit, name := time.Hour, "hours"
	if p.span < 2*time.Hour {
		unit, name = time.Minute, "minutes"
	}
	bottom := p.bottom()
	step := timeStep(p.span / unit)
	for n := time.Duration(0); n*unit <= p.span; n += step {
		x := p.x(n * unit)
		p.printf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#333"/>`, x, bottom, x, bottom+5)
		p.printf(`<text x="%.1f" y="%d" text-anchor="middle" fill="#333">%d</text>`, x, bottom+18, n)
	}
	p.printf(`<text x="%d" y="%d" text-anchor="middle" fill="#333">%s</text>`, plotLeft+plotDrawing/2, bottom+36, name)
}

// timeStep is a number of hours or minutes between the marks, so that there are at most a dozen.
func timeStep(units time.Duration) time.Duration {
	for _, step := range []time.Duration{1, 2, 3, 6, 12, 24, 48, 168} {
		if units <= 12*step {
			return step
		}
	}
	return units / 12
}

// niceStep is a round distance between the marks of an axis that ends at most; three to seven of them.
func niceStep(most float64) float64 {
	if most <= 1 {
		return 1
	}
	raw := most / 5
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, step := range []float64{1, 2, 5} {
		if raw <= step*power {
			return max(step*power, 1)
		}
	}
	return 10 * power
}
