package document

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func decimal(t testing.TB, text string) Decimal {
	t.Helper()
	d, err := ParseDecimal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecimalAppend(t *testing.T) {
	zeros := strings.Repeat("0", 399)
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.00": "0.00", "-0.00": "0.00", "0e5": "0", "7": "7", "-12.50": "-12.50", "1e2": "100", "-1.5e3": "-1500", "1.5e1": "15",
		"1.25e1": "12.5", "12e-1": "1.2", "5e-3": "0.005", "-5E-3": "-0.005", "123456789012345678": "123456789012345678", "0.000000000000000001": "0.000000000000000001",
		"9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808", "9223372036854775808": "9223372036854775808",
		"12345678901234567890.12345678901234567890": "12345678901234567890.12345678901234567890",
		"1e400": "10" + zeros, "1e-400": "0." + zeros + "1", "1e999999999": "1e999999999", "-25e-999999999": "-25e-999999999",
	} {
		if got := decimal(t, text).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestDecimalAdd(t *testing.T) {
	tests := []struct{ a, b, want string }{
		{"1", "2", "3"}, {"1.10", "2.20", "3.30"}, {"0.1", "0.2", "0.3"}, {"1", "-1.00", "0.00"}, {"1e2", "1", "101"}, {"1e2", "2e2", "300"},
		{"9223372036854775807", "1", "9223372036854775808"}, {"-9223372036854775808", "-1", "-9223372036854775809"},
		{"9223372036854775808", "-9223372036854775809", "-1"}, {"9223372036854775807", "0.1", "9223372036854775807.1"},
		{"1e18", "1e-18", "1000000000000000000.000000000000000001"}, {"1e30", "-1e30", "0"},
		{"99999999999999999999999999999999", "1", "100000000000000000000000000000000"},
		{"1e-999999999", "2e-999999999", "3e-999999999"}, {"4e999999999", "1e999999999", "5e999999999"},
	}
	for _, test := range tests {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			sum, err := decimal(t, pair[0]).Add(decimal(t, pair[1]))
			if err != nil || sum.String() != test.want {
				t.Errorf("%s + %s: %v %v, want %s", pair[0], pair[1], sum, err, test.want)
			}
		}
	}
}

func TestDecimalLimits(t *testing.T) {
	for _, pair := range [][2]string{{"1e999999999", "1"}, {"1e999999999999999999", "-1e-999999999999999999"}, {"1e-20000", "1"}} {
		_, err := decimal(t, pair[0]).Add(decimal(t, pair[1]))
		if err == nil || !strings.Contains(err.Error(), "10000 digits") {
			t.Errorf("%v: %v", pair, err)
		}
	}
	for text, want := range map[string]string{
		"": "empty", "-": "expected a digit", "1x": "more follows it", "01": "superfluous 0", " 1": "expected a JSON value", "1e1234567890123456789": "18 digits",
		".5": "expected a JSON value", "5.": "expected a digit", "-.5": "expected a digit", "1.2.3": "more follows it", "00": "superfluous 0", "NaN": "'N'", "1_0": "more follows",
		strings.Repeat("9", MaxDigits+1): "more than 10000 digits", "1" + strings.Repeat("0", MaxDigits): "more than 10000 digits",
	} {
		if _, err := ParseDecimal([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 200 {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	decimal(t, "0."+strings.Repeat("0", 1_000_000)+"1")
}

func TestDecimalCmp(t *testing.T) {
	for i, left := range ordered {
		for j, right := range ordered {
			for _, x := range left {
				for _, y := range right {
					a, errA := ParseDecimal([]byte(x))
					b, errB := ParseDecimal([]byte(y))
					if errA != nil || errB != nil {
						continue
					}
					want := 0
					if i < j {
						want = -1
					} else if i > j {
						want = 1
					}
					if got := a.Cmp(b); got != want {
						t.Errorf("%s cmp %s: %d", x, y, got)
					}
				}
			}
		}
	}
}

func TestMultipleOf(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"10", "5", true}, {"10", "3", false}, {"0", "7", true}, {"7", "0", false}, {"0", "0", false}, {"4.5", "1.5", true}, {"0.0075", "0.0001", true}, {"19.99", "0.01", true},
		{"35", "1.5", false}, {"1e308", "0.123456789", false}, {"1e999999999", "7", false}, {"1e999999999", "1e-999999999", true}, {"1e999999999", "8", true},
		{"1e-999999999", "1", false}, {"1.00", "1", true}, {"-9", "3", true}, {"9", "-3", true}, {"36893488147419103232", "2", true}, {"36893488147419103233", "2", false},
		{"36893488147419103232.0", "36893488147419103232", true}, {"1e-30", "1e-40", true}, {"1e25", "3e-5", false}, {"3", "1e25", false},
	}
	for _, test := range tests {
		if got := decimal(t, test.a).MultipleOf(decimal(t, test.b)); got != test.want {
			t.Errorf("%s multiple of %s: %v", test.a, test.b, got)
		}
	}
}

func TestIntegral(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-0.0": true, "1": true, "1.0": true, "1.5": false, "15e-1": false, "150e-1": true, "1.5e1": true, "1e-999999999": false, "1e999999999": true,
		"0e-5": true, "12345678901234567890.1": false,
	} {
		if got := Integral([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestFloat64(t *testing.T) {
	for _, text := range []string{"0", "-0", "0.1", "-2.50", "9007199254740993", "123456789012345678", "1e22", "1e23", "4.9e-324", "1.7976931348623157e308", "3.14159"} {
		want, err := strconv.ParseFloat(text, 64)
		if got := Float64([]byte(text)); err != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if Float64([]byte("-1e400")) != math.Inf(-1) {
		t.Error("out of range")
	}
}
