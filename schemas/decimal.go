package schemas

import (
	"errors"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number: coefficient × 10^-scale. Prices have up to 18 decimals and multipliers add more,
// so there is no float and no rounding on the way: sums are the same in any order, and a correction cancels what it
// corrects. Small coefficients live in a machine word, and every operation that would leave it goes on in a big.Int:
// both forms give equal results (TestDecimalAgreesWithBigRat). The zero value is 0.
type Decimal struct {
	small int64
	large *big.Int // non-nil iff the coefficient does not fit small
	scale uint16
}

// USD is an exact amount of money in US dollars.
type USD = Decimal

// ErrNotDecimal is what ParseDecimal answers to text that is no finite plain or scientific decimal number.
var ErrNotDecimal = errors.New("not a decimal number")

// maxExponent bounds what "1e400000" may cost in memory.
const maxExponent = 400

// NewDecimal is coefficient × 10^-scale.
func NewDecimal(coefficient int64, scale uint16) Decimal {
	return Decimal{small: coefficient, scale: scale}
}

func newLarge(c *big.Int, scale uint16) Decimal {
	if c.IsInt64() {
		return Decimal{small: c.Int64(), scale: scale}
	}
	return Decimal{large: c, scale: scale}
}

// ParseDecimal reads a JSON number's literal, or the same with a leading + or zeros. NaN, Inf, hex and blanks are errors.
func ParseDecimal(s string) (Decimal, error) {
	mantissa, exp, ok := strings.Cut(strings.ReplaceAll(s, "E", "e"), "e")
	e := 0
	if ok {
		var err error
		if e, err = strconv.Atoi(exp); err != nil || e > maxExponent || e < -maxExponent {
			return Decimal{}, ErrNotDecimal
		}
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	digits := whole + frac
	if len(frac) > maxExponent || len(digits) > 2*maxExponent || !plainDigits(digits) {
		return Decimal{}, ErrNotDecimal
	}
	return parseDigits(digits, len(frac)-e)
}

// plainDigits accepts an optional sign and at least one digit.
func plainDigits(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func parseDigits(digits string, scale int) (Decimal, error) {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && scale >= 0 {
		return NewDecimal(n, uint16(scale)).trim(), nil
	}
	c, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return Decimal{}, ErrNotDecimal
	}
	if scale < 0 {
		c.Mul(c, pow10(uint16(-scale)))
		scale = 0
	}
	return newLarge(c, uint16(scale)).trim(), nil
}

// Coefficient and Scale give the number as coefficient × 10^-scale; the coefficient is the caller's to change.
func (d Decimal) Coefficient() *big.Int {
	if d.large != nil {
		return new(big.Int).Set(d.large)
	}
	return big.NewInt(d.small)
}

// Small is the coefficient without the cost of a big.Int, and whether it fits an int64.
func (d Decimal) Small() (int64, bool) { return d.small, d.large == nil }

// Scale is the number of decimals of the representation.
func (d Decimal) Scale() uint16 { return d.scale }

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int {
	if d.large != nil {
		return d.large.Sign()
	}
	switch {
	case d.small < 0:
		return -1
	case d.small > 0:
		return 1
	}
	return 0
}

// Neg is -d.
func (d Decimal) Neg() Decimal {
	if d.large == nil && d.small != -1<<63 {
		return Decimal{small: -d.small, scale: d.scale}
	}
	c := d.Coefficient()
	return newLarge(c.Neg(c), d.scale)
}

// Add is d + o, exactly.
func (d Decimal) Add(o Decimal) Decimal {
	if d.scale < o.scale {
		d, o = o, d
	}
	if d.large == nil && o.large == nil {
		if up, ok := mulSmall(o.small, d.scale-o.scale); ok {
			sum := d.small + up
			if (sum > d.small) == (up > 0) {
				return Decimal{small: sum, scale: d.scale}
			}
		}
	}
	c := o.Coefficient()
	c.Mul(c, pow10(d.scale-o.scale))
	return newLarge(c.Add(c, d.Coefficient()), d.scale)
}

// Sub is d - o, exactly.
func (d Decimal) Sub(o Decimal) Decimal { return d.Add(o.Neg()) }

// Mul is d × o, exactly.
func (d Decimal) Mul(o Decimal) Decimal {
	scale := d.scale + o.scale
	if d.large == nil && o.large == nil {
		if p, ok := mulInt64(d.small, o.small); ok {
			return Decimal{small: p, scale: scale}
		}
	}
	c := d.Coefficient()
	return newLarge(c.Mul(c, o.Coefficient()), scale)
}

// Cmp is -1, 0 or 1 as d is below, equal to or above o, whatever their scales.
func (d Decimal) Cmp(o Decimal) int { return d.Sub(o).Sign() }

// Round is d rounded half up (towards positive infinity) to a whole number, and whether that fits an int64; 0 if not.
func (d Decimal) Round() (int64, bool) {
	if d.scale == 0 {
		return d.small, d.large == nil
	}
	c := d.Coefficient()
	unit := pow10(d.scale)
	c.Lsh(c, 1).Add(c, unit)
	c.Div(c, unit.Lsh(unit, 1)) // Euclidean: floors for a positive divisor
	if !c.IsInt64() {
		return 0, false
	}
	return c.Int64(), true
}

// Float64 is the nearest float, for metrics and the screen only.
func (d Decimal) Float64() float64 {
	f, _ := new(big.Rat).SetFrac(d.Coefficient(), pow10(d.scale)).Float64()
	return f
}

// String is the plain decimal form: no exponent, no trailing zeros.
func (d Decimal) String() string {
	digits := d.Coefficient().String()
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if pad := int(d.scale) + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	point := len(digits) - int(d.scale)
	if frac := strings.TrimRight(digits[point:], "0"); frac != "" {
		return sign + digits[:point] + "." + frac
	}
	return sign + digits[:point]
}

// trim drops trailing zeros of a small coefficient, so that equal numbers mostly share one form.
func (d Decimal) trim() Decimal {
	for d.large == nil && d.scale > 0 && d.small%10 == 0 {
		d.small /= 10
		d.scale--
	}
	return d
}

func pow10(n uint16) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// mulSmall is n × 10^by, and whether it fits.
func mulSmall(n int64, by uint16) (int64, bool) {
	if n == 0 || by == 0 {
		return n, true
	}
	if by > 18 {
		return 0, false
	}
	p := int64(1)
	for range by {
		p *= 10
	}
	return mulInt64(n, p)
}

// mulInt64 is a × b, and whether it fits.
func mulInt64(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > 1<<63-1 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-n) // -1<<63 maps to 1<<63, which is right
	}
	return uint64(n)
}
