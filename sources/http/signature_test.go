package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/sources"
)

func mac(secret, content string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(content))
	return m.Sum(nil)
}

// TestSignatures signs as known senders do, and lets each part be wrong once.
func TestSignatures(t *testing.T) {
	const body = `{"id":"a"}`
	now := time.Unix(1_700_000_000, 0)
	coded := "whsec_" + base64.StdEncoding.EncodeToString([]byte("the secret"))
	at := fmt.Sprint(now.Unix())
	for _, test := range []struct {
		name   string
		config signatureConfig
		header map[string]string
		want   string // what the refusal says; empty: good
	}{
		{"github", signatureConfig{Preset: "github"}, map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac("the secret", body))}, ""},
		{"github, former secret", signatureConfig{Preset: "github", Secrets: []string{"the newer", "the secret"}}, map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac("the secret", body))}, ""},
		{"github, other body", signatureConfig{Preset: "github"}, map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac("the secret", body+" "))}, "not that of this body"},
		{"github, no prefix", signatureConfig{Preset: "github"}, map[string]string{"X-Hub-Signature-256": hex.EncodeToString(mac("the secret", body))}, "holds no signature"},
		{"github, nothing", signatureConfig{Preset: "github"}, nil, "is missing"},
		{"stripe", signatureConfig{Preset: "stripe"}, map[string]string{"Stripe-Signature": "t=" + at + ",v1=00,v1=" + hex.EncodeToString(mac("the secret", at+"."+body)) + ",v0=ff"}, ""},
		{"stripe, no time", signatureConfig{Preset: "stripe"}, map[string]string{"Stripe-Signature": "v1=" + hex.EncodeToString(mac("the secret", "."+body))}, "timestamp is missing"},
		{"stripe, late", signatureConfig{Preset: "stripe", Tolerance: "10s"}, map[string]string{"Stripe-Signature": "t=1699999989,v1=" + hex.EncodeToString(mac("the secret", "1699999989."+body))}, "further than 10s"},
		{"stripe, early", signatureConfig{Preset: "stripe"}, map[string]string{"Stripe-Signature": "t=1700000301,v1=" + hex.EncodeToString(mac("the secret", "1700000301."+body))}, "further than 5m"},
		{"stripe, beyond numbers", signatureConfig{Preset: "stripe"}, map[string]string{"Stripe-Signature": "t=-9223372035154775808,v1=" + hex.EncodeToString(mac("the secret", "-9223372035154775808."+body))}, "timestamp is missing"},
		{"standard", signatureConfig{Preset: "standard-webhooks", Secrets: []string{coded}}, map[string]string{"webhook-id": "m1", "webhook-timestamp": at, "webhook-signature": "v1a,xx v1," + base64.StdEncoding.EncodeToString(mac("the secret", "m1."+at+"."+body))}, ""},
		{"standard, no prefix", signatureConfig{Preset: "standard-webhooks", Secrets: []string{strings.TrimPrefix(coded, "whsec_")}}, map[string]string{"webhook-id": "m1", "webhook-timestamp": at, "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac("the secret", "m1."+at+"."+body))}, ""},
		{"standard, other id", signatureConfig{Preset: "standard-webhooks", Secrets: []string{coded}}, map[string]string{"webhook-id": "m2", "webhook-timestamp": at, "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac("the secret", "m1."+at+"."+body))}, "not that of this body"},
		{"slack", signatureConfig{Preset: "slack"}, map[string]string{"X-Slack-Request-Timestamp": at, "X-Slack-Signature": "v0=" + hex.EncodeToString(mac("the secret", "v0:"+at+":"+body))}, ""},
		{"own", signatureConfig{Header: "X-Shop-Hmac", Encoding: "base64"}, map[string]string{"X-Shop-Hmac": base64.StdEncoding.EncodeToString(mac("the secret", body))}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.config.Secrets == nil {
				test.config.Secrets = []string{"the secret"}
			}
			s, err := newSignature(test.config)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			for name, value := range test.header {
				h.Set(name, value)
			}
			err = s.verify(h, []byte(body), now)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret\"")):
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// TestAuthorization asks for the token and the signature that are configured,
// before anything is stored.
func TestAuthorization(t *testing.T) {
	s := newStand(t)
	d := s.store(s.open("acmeCo/in", `"tokens":["0123456789abcdef","fedcba9876543210"],"signature":{"preset":"github","secrets":["sss"]}`, sources.OpenRequest{}))
	signed := "sha256=" + hex.EncodeToString(mac("sss", `{"id":"a"}`))
	for _, test := range []struct {
		token, signature string
		status           int
	}{
		{"Bearer 0123456789abcdef", signed, 200},
		{"bearer fedcba9876543210", signed, 200},
		{"Bearer fedcba987654321", signed, 401},
		{"Basic fedcba9876543210", signed, 401},
		{"", signed, 401},
		{"Bearer 0123456789abcdef", "", 401},
		{"Bearer 0123456789abcdef", "sha256=00", 401},
	} {
		got := s.post(`{"id":"a"}`, "Authorization", test.token, "X-Hub-Signature-256", test.signature)
		if got.status != test.status || strings.Contains(got.body, "0123456789abcdef") {
			t.Errorf("%q, %q: %s", test.token, test.signature, got)
		}
	}
	if stored := d.documents(); len(stored) != 2 {
		t.Errorf("stored %q", stored)
	}
	if got := s.send(request{path: "/else", header: map[string]string{"Authorization": "Bearer 0123456789abcdef"}}); strings.Contains(got.body, "/orders") {
		t.Errorf("a stranger learns the paths: %s", got)
	}
}

// FuzzSignature never takes a header for a signature of a secret that nobody
// told it.
func FuzzSignature(f *testing.F) {
	for _, seed := range []string{"sha256=00", "t=1,v1=ab,v1=", "v1,AAAA v1,=", "", ",,=", "t=99999999999999999999,v1=00"} {
		f.Add(seed, "1700000000", "{}")
	}
	var all []*signature
	for name := range presets() {
		s, err := newSignature(signatureConfig{Preset: name, Secrets: []string{"dW5rbm93bi1zZWNyZXQ="}})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, s)
	}
	f.Fuzz(func(t *testing.T, value, timestamp, body string) {
		for _, s := range all {
			h := http.Header{http.CanonicalHeaderKey(s.header): {value}}
			if s.timestampHeader != "" {
				h.Set(s.timestampHeader, timestamp)
			}
			if s.verify(h, []byte(body), time.Unix(1_700_000_000, 0)) == nil {
				t.Errorf("%q is taken for a signature", value)
			}
		}
	})
}
