package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
)

// A unit of the dashboard's grid, and a panel's margins, in pixels.
const (
	unitX, unitY                               = 50, 26
	panelGap, panelLeft, panelTop, panelBottom = 6, 52, 30, 34
	lineColours                                = "#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9 #555555 #000000"
	frame, text                                = `fill="#fff" stroke="#ccc"`, `fill="#222"`
)

// drawDashboard shows the panels where Grafana has them, as SVG.
func drawDashboard(charts []chart, span time.Duration) []byte {
	height := 0
	for _, c := range charts {
		height = max(height, (c.GridPos.Y+c.GridPos.H)*unitY)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", 24*unitX, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#f4f5f5"/>`+"\n", 24*unitX, height)
	for _, c := range charts {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`, c.GridPos.X*unitX, c.GridPos.Y*unitY)
		switch c.Type {
		case "row":
			fmt.Fprintf(&b, `<text x="8" y="18" font-weight="bold" %s>%s</text>`, text, html.EscapeString(c.Title))
		case "stat":
			c.drawStat(&b)
		default:
			c.drawLines(&b, span.Seconds())
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (c chart) size() (width, height int) {
	return c.GridPos.W*unitX - panelGap, c.GridPos.H*unitY - panelGap
}

func (c chart) drawFrame(b *bytes.Buffer) (width, height int) {
	width, height = c.size()
	fmt.Fprintf(b, `<rect width="%d" height="%d" rx="3" %s/><text x="10" y="20" font-weight="bold" %s>%s</text>`+"\n", width, height, frame, text, html.EscapeString(c.Title))
	return width, height
}

// drawStat shows each line's last figure.
func (c chart) drawStat(b *bytes.Buffer) {
	width, height := c.drawFrame(b)
	var figures []string
	for _, l := range c.lines {
		figure := c.figure(l.points[len(l.points)-1][1])
		if len(c.lines) > 1 {
			figure += " " + l.name
		}
		figures = append(figures, figure)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="26" text-anchor="middle" %s>%s</text>`+"\n", width/2, height/2+16, text, html.EscapeString(strings.Join(figures, ", ")))
}

// drawLines shows the figures over the span, from 0 on.
func (c chart) drawLines(b *bytes.Buffer, span float64) {
	width, height := c.drawFrame(b)
	most := 0.0
	for _, l := range c.lines {
		for _, point := range l.points {
			most = max(most, point[1])
		}
	}
	most = roundUp(most)
	x := func(seconds float64) float64 { return panelLeft + seconds/span*float64(width-panelLeft-10) }
	y := func(figure float64) float64 {
		return float64(height-panelBottom) - figure/most*float64(height-panelBottom-panelTop)
	}
	for _, part := range []float64{0, 0.5, 1} {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" %s>%s</text>`+"\n",
			panelLeft, y(part*most), width-10, panelLeft-6, y(part*most)+4, text, c.figure(part*most))
	}
	var legend strings.Builder
	colours := strings.Fields(lineColours)
	for i, l := range c.lines {
		colour := colours[i%len(colours)]
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colour)
		for _, point := range l.points {
			fmt.Fprintf(b, "%.0f,%.1f ", x(point[0]), y(point[1]))
		}
		b.WriteString("\"/>\n")
		fmt.Fprintf(&legend, `<tspan fill="%s">— %s </tspan>`, colour, html.EscapeString(l.name))
	}
	fmt.Fprintf(b, `<text x="10" y="%d" font-size="10">%s</text>`+"\n", height-12, legend.String())
}

// roundUp goes to the next figure of one digit.
func roundUp(figure float64) float64 {
	if figure <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(figure)))
	return math.Ceil(figure/step) * step
}

// figure writes one as the panel's unit asks.
func (c chart) figure(value float64) string {
	for _, mapping := range c.FieldConfig.Defaults.Mappings {
		if to, ok := mapping.Options[fmt.Sprint(value)]; ok {
			return to.Text
		}
	}
	switch c.FieldConfig.Defaults.Unit {
	case "s":
		if value >= 1 {
			return fmt.Sprintf("%.3g s", value)
		}
		return fmt.Sprintf("%.3g ms", value*1000)
	case "reqps":
		return fmt.Sprintf("%.3g/s", value)
	case "percentunit":
		return fmt.Sprintf("%.3g %%", value*100)
	case "bytes":
		return fmt.Sprintf("%.3g MB", value/1e6)
	default:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
}
