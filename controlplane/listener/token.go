package listener

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	tokenBytes  = 32
	leastToken  = 16   // characters of one that somebody else made
	longestFile = 4096 // bytes of a token file that are looked at
)

// readToken gives the token of a file, and makes both if the file is not there.
func readToken(file string) (token string, made bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		token, err = makeToken(file)
		if !errors.Is(err, fs.ErrExist) {
			return token, err == nil, err
		}
		text, err = os.ReadFile(file) // another start was faster
	}
	if err != nil {
		return "", false, fmt.Errorf("token for HTTP: %w", err)
	}
	token = strings.TrimSpace(string(text))
	if len(token) < leastToken || len(text) > longestFile || strings.ContainsFunc(token, notInToken) {
		return "", false, fmt.Errorf("token for HTTP: %s holds none: it must be one line of at least %d letters, digits, - and _; remove the file to have one made", file, leastToken)
	}
	return token, false, nil
}

func notInToken(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_'
}

// makeToken draws a token and writes it where only this user can read it.
func makeToken(file string) (string, error) {
	var random [tokenBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	token := base64.RawURLEncoding.EncodeToString(random[:])
	// Written beside and linked: nobody reads half a token, and of two starts one makes it.
	f, err := os.CreateTemp(filepath.Dir(file), ".token-") // mode 0600
	if err != nil {
		return "", fmt.Errorf("make token for HTTP: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // its other name stays
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Link(f.Name(), file)
	}
	if err != nil {
		return "", fmt.Errorf("make token for HTTP: %w", err)
	}
	return token, nil
}

// derive gives a value that only who has the token can give, and from which
// the token cannot be found.
func derive(token, use string) string {
	sum := sha256.Sum256([]byte("weir " + use + "\x00" + token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// same compares without telling by its time how much is the same.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
