package schemas

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func rat(d Decimal) *big.Rat { return new(big.Rat).SetFrac(d.Coefficient(), pow10(d.Scale())) }

// anyDecimal draws numbers on both sides of the machine word.
var anyDecimal = rapid.Custom(func(t *rapid.T) Decimal {
	d := NewDecimal(rapid.Int64().Draw(t, "coefficient"), rapid.Uint16Range(0, 30).Draw(t, "scale"))
	for range rapid.IntRange(0, 3).Draw(t, "factors") {
		d = d.Mul(NewDecimal(rapid.Int64().Draw(t, "factor"), 3))
	}
	return d
})

func TestDecimalAgreesWithBigRat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal.Draw(t, "a"), anyDecimal.Draw(t, "b")
		for name, pair := range map[string][2]*big.Rat{
			"add": {rat(a.Add(b)), new(big.Rat).Add(rat(a), rat(b))},
			"sub": {rat(a.Sub(b)), new(big.Rat).Sub(rat(a), rat(b))},
			"mul": {rat(a.Mul(b)), new(big.Rat).Mul(rat(a), rat(b))},
			"neg": {rat(a.Neg()), new(big.Rat).Neg(rat(a))},
		} {
			if pair[0].Cmp(pair[1]) != 0 {
				t.Fatalf("%s of %v and %v = %v, want %v", name, a, b, pair[0], pair[1])
			}
		}
		if got, want := a.Cmp(b), rat(a).Cmp(rat(b)); got != want {
			t.Fatalf("cmp of %v and %v = %d, want %d", a, b, got, want)
		}
	})
}

func TestDecimalSurvivesItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal.Draw(t, "d")
		back, err := ParseDecimal(d.String())
		if err != nil || back.Cmp(d) != 0 {
			t.Fatalf("ParseDecimal(%q) = %v, %v", d.String(), back, err)
		}
	})
}

func TestParseDecimalReadsLiteralsAsWritten(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "2.5e-9": "0.0000000025", "1E3": "1000", "3.0": "3", "007": "7", "+1.50": "1.5",
		"9223372036854775808": "9223372036854775808", "1.00000000000000000000000001": "1.00000000000000000000000001",
		".5": "0.5", "5.": "5",
	} {
		if got, err := ParseDecimal(in); err != nil || got.String() != want {
			t.Errorf("ParseDecimal(%q) = %v, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", " ", "NaN", "Inf", "0x10", "1e", "e5", "1e400000", "--1", "+", "1_000", "1.2.3", "- 1"} {
		if got, err := ParseDecimal(in); err == nil {
			t.Errorf("ParseDecimal(%q) = %v, want an error", in, got)
		}
	}
}

func TestRoundIsHalfUp(t *testing.T) {
	for in, want := range map[string]int64{"2.5": 3, "2.49": 2, "-2.5": -2, "-2.51": -3, "7": 7, "0.5": 1} {
		d, err := ParseDecimal(in)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Round(); !ok || got != want {
			t.Errorf("Round(%s) = %d, %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{"9223372036854775807.5", "9223372036854775808", "-1e30"} {
		d, err := ParseDecimal(in)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Round(); ok || got != 0 {
			t.Errorf("Round(%s) = %d, %v, want nothing", in, got, ok)
		}
	}
}
