package natsendpoint

import (
	"fmt"
	"strings"
)

// CheckSubject refuses what no subject is, with wildcards or without.
func CheckSubject(subject string) error {
	tokens := strings.Split(subject, ".")
	for i, token := range tokens {
		switch {
		case token == "" || strings.ContainsAny(token, " \t\r\n"):
			return fmt.Errorf("subject %q: a token is empty or has a blank in it", subject)
		case token == ">" && i < len(tokens)-1:
			return fmt.Errorf("subject %q: > is the last token, if it is one", subject)
		case len(token) > 1 && strings.ContainsAny(token, "*>"):
			return fmt.Errorf("subject %q: * and > are tokens of their own", subject)
		}
	}
	return nil
}

// AnyOverlap says whether some subject matches a pattern and one of the others.
func AnyOverlap(others []string, pattern string) bool {
	for _, o := range others {
		if Overlap(o, pattern) {
			return true
		}
	}
	return false
}

// Overlap says whether some subject matches both patterns.
func Overlap(one, other string) bool {
	a, b := strings.Split(one, "."), strings.Split(other, ".")
	for i := 0; ; i++ {
		switch {
		case i == len(a) || i == len(b):
			return len(a) == len(b)
		case a[i] == ">" || b[i] == ">":
			return true
		case a[i] != b[i] && a[i] != "*" && b[i] != "*":
			return false
		}
	}
}
