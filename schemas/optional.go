package schemas

// Opt is a value that may be absent: 0 tokens and no count of tokens are two different things, and so are a price of 0
// and no price.
type Opt[T any] struct {
	V  T
	Ok bool
}

// Some is a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{V: v, Ok: true} }

// Count is a number of tokens as a producer sent it: absent, usable, or unusable. An unusable one (negative, not a number, an object,
// 2^63 or more) leaves the field null and the call without a cost (reason invalid_usage); it never makes a reject.
type Count struct {
	// Exact is the count as sent. A fractional count is priced exactly.
	Exact Decimal
	State CountState
}

// CountState says what is known of a count.
type CountState uint8

// The states of a count.
const (
	CountAbsent CountState = iota
	CountValid
	CountInvalid
)

// CountOf is a usable whole count.
func CountOf(n int64) Count { return Count{Exact: NewDecimal(n, 0), State: CountValid} }

// Known tells whether the count is there and usable.
func (c Count) Known() bool { return c.State == CountValid }

// Int is the count rounded half up, and whether there is one.
func (c Count) Int() (int64, bool) {
	if c.State != CountValid {
		return 0, false
	}
	return c.Exact.Round()
}
