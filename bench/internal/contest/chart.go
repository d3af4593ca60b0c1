package contest

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The picture's size and its margins, in pixels.
const (
	width, height            = 760, 400
	left, right, top, bottom = 70, 210, 20, 50
)

// colours of the lines, told apart also by those who see no red or no green.
var colours = []string{"#0072b2", "#d55e00", "#e69f00", "#009e73"}

// Chart draws throughput over clients as SVG.
func (r *Results) Chart() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	r.drawAxes(&b)
	for i, c := range Contenders {
		r.drawLine(&b, c, colours[i], i)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// scale is the highest figure, rounded up to the next step of the axis.
func (r *Results) scale() (most, step float64) {
	for _, line := range r.Sweep {
		for _, value := range line {
			most = max(most, value)
		}
	}
	step = 1000
	for most/step > 8 {
		step *= 2
	}
	return math.Ceil(max(most, 1)/step) * step, step
}

func (r *Results) x(i int) float64 {
	return left + float64(i)*(width-left-right)/float64(max(len(r.Plan.Sweep)-1, 1))
}

func (r *Results) y(value float64) float64 {
	most, _ := r.scale()
	return height - bottom - value/most*(height-top-bottom)
}

func (r *Results) drawAxes(b *strings.Builder) {
	most, step := r.scale()
	for value := 0.0; value <= most; value += step {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n",
			left, r.y(value), width-right, left-8, r.y(value)+4, value)
	}
	for i, clients := range r.Plan.Sweep {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", r.x(i), height-bottom+18, clients)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">clients</text>`+"\n", (left+width-right)/2, height-10)
	fmt.Fprintf(b, `<text x="14" y="%d" text-anchor="middle" transform="rotate(-90 14 %[1]d)">requests a second</text>`+"\n", (top+height-bottom)/2)
}

func (r *Results) drawLine(b *strings.Builder, c Contender, colour string, place int) {
	var points, dots strings.Builder
	for i, value := range r.Sweep[c.ID] {
		fmt.Fprintf(&points, " %.1f,%.1f", r.x(i), r.y(value))
		fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%.0f</title></circle>`, r.x(i), r.y(value), colour, value)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>%s`+"\n", strings.TrimSpace(points.String()), colour, dots.String())
	y := top + 20 + 22*place
	fmt.Fprintf(b, `<path d="M%d %dh20" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>`+"\n",
		width-right+14, y-4, colour, width-right+40, y, html.EscapeString(c.Title))
}
