package generator

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"text/template"
	"time"
)

// draw is what the functions of a template draw from, for one document.
type draw struct {
	random *rand.Rand
	n      int64 // of the document, from 0
	now    func() time.Time
}

// epoch is where times of documents begin that do not ask the clock.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// parseTemplate checks a template: its functions are there, whatever they draw
// later.
func parseTemplate(text string) (*template.Template, error) {
	t, err := template.New("template").Option("missingkey=error").Funcs((&draw{}).functions()).Parse(text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	return t, nil
}

// functions are those of templates. docs/connectors/source-generator.md lists
// them.
func (d *draw) functions() template.FuncMap {
	return template.FuncMap{
		"seq":     func() int64 { return d.n + 1 },
		"int":     d.integer,
		"float":   d.float,
		"bool":    func() bool { return d.random.IntN(2) == 1 },
		"chance":  func(p float64) bool { return d.random.Float64() < p },
		"choice":  d.choice,
		"name":    func() string { return givenNames[d.random.IntN(len(givenNames))] },
		"word":    func() string { return words[d.random.IntN(len(words))] },
		"words":   d.words,
		"uuid":    func() string { return uuid(d.random) },
		"time":    d.time,
		"now":     func() string { return d.now().UTC().Format(time.RFC3339Nano) },
		"json":    quote,
		"mod":     d.mod,
		"add":     func(a, b int64) int64 { return a + b },
		"mul":     func(a, b int64) int64 { return a * b },
		"pad":     func(width int, v any) string { return fmt.Sprintf("%0*v", min(max(width, 0), 1000), v) },
		"repeat":  d.repeat,
		"between": d.between,
	}
}

// integer draws from low to high, both included.
func (d *draw) integer(low, high int64) (int64, error) {
	if high < low {
		return 0, fmt.Errorf("int %d %d: the second is below the first", low, high)
	}
	return drawInteger(d.random, low, high), nil
}

func drawInteger(random *rand.Rand, low, high int64) int64 {
	width := uint64(high) - uint64(low) + 1 //nolint:gosec // wraps around as it should
	if width == 0 {
		return int64(random.Uint64()) //nolint:gosec // any is right
	}
	return low + int64(random.Uint64N(width)) //nolint:gosec // wraps around as it should
}

func (d *draw) float(low, high float64) (float64, error) {
	if high < low {
		return 0, fmt.Errorf("float %v %v: the second is below the first", low, high)
	}
	return low + d.random.Float64()*(high-low), nil
}

func (d *draw) choice(of ...any) (any, error) {
	if len(of) == 0 {
		return nil, errors.New("choice has nothing to choose from")
	}
	return of[d.random.IntN(len(of))], nil
}

// maxWords keeps a template from making documents that nobody takes.
const maxWords = 100_000

func (d *draw) words(n int) (string, error) {
	if n < 0 || n > maxWords {
		return "", fmt.Errorf("words %d: 0 to %d", n, maxWords)
	}
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[d.random.IntN(len(words))])
	}
	return b.String(), nil
}

func (d *draw) repeat(n int, text string) (string, error) {
	if n < 0 || n*len(text) > 64<<20 {
		return "", fmt.Errorf("repeat %d: too much", n)
	}
	return strings.Repeat(text, n), nil
}

// time is a time that moves on by a step from document to document.
func (d *draw) time(step string) (string, error) {
	every, err := time.ParseDuration(step)
	if err != nil {
		return "", fmt.Errorf("time %q: %w", step, err)
	}
	return epoch.Add(time.Duration(d.n) * every).Format(time.RFC3339Nano), nil
}

// between draws a time, to the second.
func (d *draw) between(from, until string) (string, error) {
	a, err := time.Parse(time.RFC3339, from)
	if err != nil {
		return "", fmt.Errorf("between: %w", err)
	}
	b, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return "", fmt.Errorf("between: %w", err)
	}
	if b.Before(a) {
		return "", fmt.Errorf("between %s %s: the second is before the first", from, until)
	}
	return time.Unix(drawInteger(d.random, a.Unix(), b.Unix()), 0).UTC().Format(time.RFC3339), nil
}

func (d *draw) mod(a, b int64) (int64, error) {
	if b == 0 {
		return 0, errors.New("mod by 0")
	}
	return a % b, nil
}

func quote(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func uuid(random *rand.Rand) string {
	a, b := random.Uint64(), random.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}

// words are plain ones, the same in every version: documents are made of them.
var words = strings.Fields("amber anchor apple arrow autumn badge basil beacon birch blossom breeze bridge candle canyon cedar cherry cinder clover cobalt copper coral cotton crystal dawn delta ember feather fern flint forest garden ginger glacier granite harbor hazel heather indigo island ivory jasmine juniper lagoon lantern lavender lemon linen maple marble meadow mint mist moon moss nectar ocean olive onyx opal orchid pebble pepper pine plum poplar prairie quartz rain raven reed ridge river rose saffron sage sand shadow silver sky slate snow spring stone summer sunset thistle thyme tide timber tulip valley velvet violet walnut willow wind winter")

// givenNames are given names without anybody behind them.
var givenNames = strings.Fields("Ada Alma Amir Anna Aron Bela Bruno Carla Cem Clara Dana David Elif Emil Emma Eva Felix Finn Greta Hana Hugo Ida Ines Ivan Jana Jonas Karl Kemal Lea Leo Lina Luca Mara Marco Maya Mila Mira Nadia Nico Nina Noah Nora Olga Omar Oskar Paul Petra Rania Rosa Samir Sara Selma Simon Sofia Tara Theo Tom Uma Vera Victor Yara Yusuf Zoe")
