package schema

import (
	"cmp"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// byteRun is a run of between min and max bytes of a class.
type byteRun struct {
	class    [4]uint64
	min, max int // max -1: unbounded
}

func (r *byteRun) has(b byte) bool { return r.class[b>>6]&(1<<(b&63)) != 0 }

func (r *byteRun) add(b byte) { r.class[b>>6] |= 1 << (b & 63) }

func (r *byteRun) overlaps(o *byteRun) bool {
	for i := range r.class {
		if r.class[i]&o.class[i] != 0 {
			return true
		}
	}
	return false
}

func comparePatterns(a, b *regexp.Regexp) int { return cmp.Compare(a.String(), b.String()) }

func (l *lowering) pattern(re *regexp.Regexp) *pattern {
	p, ok := l.patterns[re.String()]
	if !ok {
		p = newPattern(re)
		l.patterns[re.String()] = p
	}
	return p
}

func newPattern(re *regexp.Regexp) *pattern {
	p := &pattern{re: re}
	p.runs, p.end, p.fast = byteRuns(re.String())
	return p
}

func (p *pattern) match(text []byte) bool {
	if !p.fast {
		return p.re.Match(text)
	}
	i := 0
	for k := range p.runs {
		r := &p.runs[k]
		n := 0
		for i < len(text) && n != r.max && r.has(text[i]) {
			i++
			n++
		}
		if n < r.min {
			return false
		}
	}
	return !p.end || i == len(text)
}

// byteRuns reads an expression that is anchored at its beginning and is a sequence of characters and classes, each
// perhaps repeated, for which taking as many bytes as possible at each step decides correctly. That is so when
// nothing that may follow a repetition can begin with a byte that the repetition takes.
func byteRuns(expression string) (runs []byteRun, end, ok bool) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, false, false
	}
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	if parts[0].Op != syntax.OpBeginText {
		return nil, false, false
	}
	parts = parts[1:]
	if n := len(parts); n > 0 && parts[n-1].Op == syntax.OpEndText {
		end, parts = true, parts[:n-1]
	}
	for _, part := range parts {
		more, ok := runsOf(part)
		if !ok {
			return nil, false, false
		}
		runs = append(runs, more...)
	}
	return runs, end, decisive(runs)
}

func runsOf(re *syntax.Regexp) ([]byteRun, bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return literalRuns(re)
	case syntax.OpCharClass:
		return classRun(re, 1, 1)
	case syntax.OpPlus:
		return repeated(re, 1, -1)
	case syntax.OpStar:
		return repeated(re, 0, -1)
	case syntax.OpQuest:
		return repeated(re, 0, 1)
	case syntax.OpRepeat:
		return repeated(re, re.Min, re.Max)
	}
	return nil, false
}

// literalRuns gives one run for each byte of a literal.
func literalRuns(re *syntax.Regexp) ([]byteRun, bool) {
	if re.Flags&syntax.FoldCase != 0 {
		return nil, false
	}
	var runs []byteRun
	for _, b := range []byte(string(re.Rune)) {
		run := byteRun{min: 1, max: 1}
		run.add(b)
		runs = append(runs, run)
	}
	return runs, true
}

func repeated(re *syntax.Regexp, least, most int) ([]byteRun, bool) {
	sub := re.Sub[0]
	switch sub.Op {
	case syntax.OpCharClass:
		return classRun(sub, least, most)
	case syntax.OpLiteral:
		runs, ok := literalRuns(sub)
		if !ok || len(runs) != 1 {
			return nil, false
		}
		runs[0].min, runs[0].max = least, most
		return runs, true
	}
	return nil, false
}

// classRun reads a class of ASCII characters, or one that has all the others as well: a repetition of that takes
// whole characters, since strings are valid UTF-8.
func classRun(re *syntax.Regexp, least, most int) ([]byteRun, bool) {
	run := byteRun{min: least, max: most}
	for i := 0; i < len(re.Rune); i += 2 {
		lo, hi := re.Rune[i], re.Rune[i+1]
		if hi >= utf8.RuneSelf {
			if hi != utf8.MaxRune || lo > utf8.RuneSelf || most != -1 || least > 1 {
				return nil, false
			}
			for b := utf8.RuneSelf; b <= 0xFF; b++ {
				run.add(byte(b))
			}
			hi = utf8.RuneSelf - 1
		}
		for r := lo; r <= hi; r++ {
			run.add(byte(r))
		}
	}
	return []byteRun{run}, true
}

func decisive(runs []byteRun) bool {
	for i := range runs {
		if runs[i].min == runs[i].max {
			continue
		}
		for j := i + 1; j < len(runs); j++ {
			if runs[i].overlaps(&runs[j]) {
				return false
			}
			if runs[j].min > 0 {
				break
			}
		}
	}
	return true
}
