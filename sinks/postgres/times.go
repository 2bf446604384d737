package postgres

import (
	"encoding/binary"
	"math"
)

// epochSeconds and epochDays are 2000-01-01, from which PostgreSQL counts, in
// the count from 1970.
const (
	epochSeconds = 946684800
	epochDays    = 10957
)

const (
	second = 1_000_000 // in microseconds, as finely as PostgreSQL keeps times
	day    = 86400 * second
)

// The last years that PostgreSQL's types hold.
const (
	lastYear     = 294276
	lastDateYear = 5874897
)

// scanner reads dates and times from the front of a text.
type scanner struct {
	text []byte
	bad  bool
}

// number reads as many digits as there are, at least least and at most most.
func (s *scanner) number(least, most int) int {
	n, i := 0, 0
	for ; i < len(s.text) && i < most && s.text[i] >= '0' && s.text[i] <= '9'; i++ {
		n = n*10 + int(s.text[i]-'0')
	}
	s.bad = s.bad || i < least
	s.text = s.text[i:]
	return n
}

// skip passes one of some bytes, and says which.
func (s *scanner) skip(any string) byte {
	if len(s.text) > 0 {
		for i := range len(any) {
			if s.text[0] == any[i] {
				s.text = s.text[1:]
				return any[i]
			}
		}
	}
	s.bad = true
	return 0
}

// fraction reads what may stand behind seconds, in microseconds, rounded.
func (s *scanner) fraction() int {
	if len(s.text) == 0 || s.text[0] != '.' {
		return 0
	}
	s.text = s.text[1:]
	n, i := 0, 0
	for ; i < len(s.text) && s.text[i] >= '0' && s.text[i] <= '9'; i++ {
		if i < 6 {
			n = n*10 + int(s.text[i]-'0')
		} else if i == 6 && s.text[i] >= '5' {
			n++
		}
	}
	s.bad = s.bad || i == 0
	for scale := i; scale < 6; scale++ {
		n *= 10
	}
	s.text = s.text[i:]
	return n
}

// date reads YYYY-MM-DD, with a year of more digits if there are, as days
// since 2000-01-01. Year 0 is the one that historians call 1 BC.
func (s *scanner) date(lastYear int) int {
	year := s.number(4, 7)
	s.skip("-")
	month := s.number(2, 2)
	s.skip("-")
	dom := s.number(2, 2)
	s.bad = s.bad || year > lastYear || month < 1 || month > 12 || dom < 1 || dom > daysIn(year, month)
	// Years of this count begin in March, so that a leap day ends one.
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	era := (y + 400) / 400 // y is -1 at least
	yoe := y + 400 - era*400
	doy := (153*m+2)/5 + dom - 1
	return (era-1)*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468 - epochDays
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// clock reads HH:MM:SS, a fraction, and Z or an offset, in microseconds of
// UTC since midnight. A leap second is the first one of the next minute.
func (s *scanner) clock() int {
	hour := s.number(2, 2)
	s.skip(":")
	minute := s.number(2, 2)
	s.skip(":")
	sec := s.number(2, 2)
	s.bad = s.bad || hour > 23 || minute > 59 || sec > 60
	at := ((hour*60+minute)*60+sec)*second + s.fraction()
	sign := s.skip("Zz+-")
	if sign == '+' || sign == '-' {
		hours := s.number(2, 2)
		s.skip(":")
		offset := (hours*60 + s.number(2, 2)) * 60 * second
		s.bad = s.bad || hours > 23
		if sign == '+' {
			offset = -offset
		}
		at += offset
	}
	s.bad = s.bad || len(s.text) > 0
	return at
}

func appendTimestamp(dst, text []byte) ([]byte, error) {
	s := scanner{text: text}
	days := s.date(lastYear)
	s.skip("Tt ")
	at := days*day + s.clock()
	if s.bad {
		return dst, unfit("date-time", text)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(at)), nil
}

func appendDate(dst, text []byte) ([]byte, error) {
	s := scanner{text: text}
	days := s.date(lastDateYear)
	if s.bad || len(s.text) > 0 {
		return dst, unfit("date", text)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(int32(days))), nil
}

// appendTime gives the time of day in UTC.
func appendTime(dst, text []byte) ([]byte, error) {
	s := scanner{text: text}
	at := s.clock()
	if s.bad {
		return dst, unfit("time", text)
	}
	return binary.BigEndian.AppendUint64(dst, uint64((at%day+day)%day)), nil
}

// appendInterval reads a duration of ISO 8601, as P1Y2M3DT4H5M6.7S or P2W.
func appendInterval(dst, text []byte) ([]byte, error) {
	s := scanner{text: text}
	s.skip("P")
	var months, days, micros, parts int
	for timed := false; len(s.text) > 0 && !s.bad; parts++ {
		if !timed && s.text[0] == 'T' {
			timed, s.text = true, s.text[1:]
		}
		n := s.number(1, 12)
		fraction, fractional := 0, len(s.text) > 0 && s.text[0] == '.'
		if fractional {
			fraction = s.fraction()
		}
		units := "YMWD"
		if timed {
			units = "HMS"
		}
		unit := s.skip(units)
		s.bad = s.bad || fractional && unit != 'S'
		switch {
		case unit == 'Y':
			months += 12 * n
		case unit == 'M' && !timed:
			months += n
		case unit == 'W':
			days += 7 * n
		case unit == 'D':
			days += n
		case unit == 'H':
			micros += n * 3600 * second
		case unit == 'M':
			micros += n * 60 * second
		case unit == 'S':
			micros += n*second + fraction
		}
		s.bad = s.bad || months > math.MaxInt32 || days > math.MaxInt32 || n > math.MaxInt32
	}
	if s.bad || parts == 0 {
		return dst, unfit("duration", text)
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(micros))
	dst = binary.BigEndian.AppendUint32(dst, uint32(int32(days)))
	return binary.BigEndian.AppendUint32(dst, uint32(int32(months))), nil
}
