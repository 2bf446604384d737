package lint

import (
	"strconv"
	"strings"
)

func itoa(i int) string { return strconv.Itoa(i) }

// index reads an array's index, -1 for none.
func index(token string, length int) int {
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || i >= length {
		return -1
	}
	return i
}

// list joins names for a message: "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
