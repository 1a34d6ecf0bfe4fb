package sink

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tracetally/tracetally/schemas"
)

var errWriteOnly = errors.New("row arrays are only ever sent")

// rows builds an array of composite values in PostgreSQL's binary format (array_recv and record_recv in
// src/backend/utils/adt): a row is the number of its fields, a field its type, length and bytes.
type rows struct {
	buf   []byte
	n     int
	start int // of the row being written, for patching its length
	field int // fields written of it
}

func (r *rows) reset() { r.buf, r.n = r.buf[:0], 0 }

// arrayOfRows is what the codec of row types sends.
type arrayOfRows interface {
	appendArray(buf []byte, element uint32) []byte
}

// appendArray is the array of the rows.
func (r *rows) appendArray(buf []byte, element uint32) []byte {
	return append(appendArrayHead(slices.Grow(buf, arrayHeadBytes+len(r.buf)), element, r.n), r.buf...)
}

// arrayHeadBytes is what stands before the first element.
const arrayHeadBytes = 20

// appendArrayHead begins a one-dimensional array of n elements, lower bound 1, without nulls.
func appendArrayHead(buf []byte, element uint32, n int) []byte {
	dims := uint32(1)
	if n == 0 {
		dims = 0
	}
	buf = binary.BigEndian.AppendUint32(buf, dims)
	buf = binary.BigEndian.AppendUint32(buf, 0)
	buf = binary.BigEndian.AppendUint32(buf, element)
	if n > 0 {
		buf = binary.BigEndian.AppendUint32(buf, uint32(n))
		buf = binary.BigEndian.AppendUint32(buf, 1)
	}
	return buf
}

// begin starts a row; end closes it.
func (r *rows) begin() {
	r.start = len(r.buf)
	r.buf = append(r.buf, 0, 0, 0, 0, 0, 0, 0, 0)
	r.field = 0
}

func (r *rows) end() {
	binary.BigEndian.PutUint32(r.buf[r.start:], uint32(len(r.buf)-r.start-4))
	binary.BigEndian.PutUint32(r.buf[r.start+4:], uint32(r.field))
	r.n++
}

// headBytes is what stands before a field's bytes: its type and length.
const headBytes = 8

func (r *rows) head(oid uint32, size int32) {
	r.field++
	r.buf = binary.BigEndian.AppendUint32(r.buf, oid)
	r.buf = binary.BigEndian.AppendUint32(r.buf, uint32(size))
}

func (r *rows) null(oid uint32) { r.head(oid, -1) }

func (r *rows) int8(n int64) {
	r.head(pgtype.Int8OID, 8)
	r.buf = binary.BigEndian.AppendUint64(r.buf, uint64(n))
}

func (r *rows) optInt8(o schemas.Opt[int64]) {
	if o.Ok {
		r.int8(o.V)
	} else {
		r.null(pgtype.Int8OID)
	}
}

func (r *rows) int4(n int32) {
	r.head(pgtype.Int4OID, 4)
	r.buf = binary.BigEndian.AppendUint32(r.buf, uint32(n))
}

func (r *rows) bool(b bool) {
	r.head(pgtype.BoolOID, 1)
	if b {
		r.buf = append(r.buf, 1)
	} else {
		r.buf = append(r.buf, 0)
	}
}

// text writes what clean leaves of s.
func (r *rows) text(s string) {
	s = clean(s)
	r.head(pgtype.TextOID, int32(len(s)))
	r.buf = append(r.buf, s...)
}

// optText writes null for an empty string.
func (r *rows) optText(s string) {
	if s == "" {
		r.null(pgtype.TextOID)
	} else {
		r.text(s)
	}
}

func (r *rows) bytes(b []byte) {
	if b == nil {
		r.null(pgtype.ByteaOID)
		return
	}
	r.head(pgtype.ByteaOID, int32(len(b)))
	r.buf = append(r.buf, b...)
}

// hash writes the hex of a keyed hash as its bytes, half as long; null when there is none. What is no hex is kept as it
// is: it is still only ever compared.
func (r *rows) hash(s string) {
	if s == "" {
		r.null(pgtype.ByteaOID)
		return
	}
	r.head(pgtype.ByteaOID, int32(hex.DecodedLen(len(s))))
	at := len(r.buf)
	var err error
	if r.buf, err = hex.AppendDecode(r.buf, []byte(s)); err != nil {
		r.buf = append(r.buf[:at], s...)
		binary.BigEndian.PutUint32(r.buf[at-4:], uint32(len(s)))
	}
}

// time writes microseconds since 1970.
func (r *rows) time(us int64) {
	r.head(pgtype.TimestamptzOID, 8)
	r.buf = binary.BigEndian.AppendUint64(r.buf, uint64(us-postgresEpoch))
}

// postgresEpoch is 2000-01-01 in microseconds since 1970: PostgreSQL counts from there.
const postgresEpoch = 946_684_800_000_000

func micros(t time.Time) int64 { return t.UnixMicro() }

func (r *rows) optDecimal(o schemas.Opt[schemas.Decimal]) {
	if o.Ok {
		r.decimal(o.V)
	} else {
		r.null(pgtype.NumericOID)
	}
}

// decimal writes a numeric, exactly.
func (r *rows) decimal(d schemas.Decimal) {
	if n, ok := d.Small(); ok && n >= 0 && n < maxFast {
		r.small(uint64(n), d.Scale())
		return
	}
	r.numeric(d.Coefficient(), d.Scale())
}

// wide writes n × 10^-scale.
func (r *rows) wide(w wide, scale uint16) {
	if w.hi == 0 && w.lo < maxFast {
		r.small(w.lo, scale)
		return
	}
	r.numeric(w.big(), scale)
}

// maxFast leaves room for the three decimals by which a scale is filled up to a multiple of 4.
const maxFast = 1 << 53

// small writes what nearly every number is, without a big.Int.
func (r *rows) small(n uint64, scale uint16) {
	pad := padding(scale)
	n *= [...]uint64{1, 10, 100, 1000}[pad]
	var digits [5]uint16 // 2^53·1000 has 19 decimal digits
	at := len(digits)
	for ; n > 0; n /= 10_000 {
		at--
		digits[at] = uint16(n % 10_000)
	}
	r.digits(digits[at:], 0, scale)
}

// padding is how many decimals are missing to a multiple of 4.
func padding(scale uint16) int { return (4 - int(scale)%4) % 4 }

// numeric writes coefficient × 10^-scale. It uses up coefficient.
func (r *rows) numeric(coefficient *big.Int, scale uint16) {
	sign := uint16(0)
	if coefficient.Sign() < 0 {
		sign = 0x4000
		coefficient.Neg(coefficient)
	}
	coefficient.Mul(coefficient, big.NewInt([...]int64{1, 10, 100, 1000}[padding(scale)]))
	r.digits(base10000(coefficient), sign, scale)
}

// digits writes a numeric of digits in base 10,000 (numeric_recv in src/backend/utils/adt/numeric.c): their number, the
// weight of the first, the sign, the decimals shown, the digits.
func (r *rows) digits(digits []uint16, sign, scale uint16) {
	fraction := (int(scale) + padding(scale)) / 4
	r.head(pgtype.NumericOID, int32(8+2*len(digits)))
	for _, v := range [...]uint16{uint16(len(digits)), uint16(int16(len(digits) - fraction - 1)), sign, scale} {
		r.buf = binary.BigEndian.AppendUint16(r.buf, v)
	}
	for _, d := range digits {
		r.buf = binary.BigEndian.AppendUint16(r.buf, d)
	}
}

// base10000 is the digits of n, most significant first; none for 0. It uses up n.
func base10000(n *big.Int) []uint16 {
	var digits []uint16
	base, rest := big.NewInt(10_000), new(big.Int)
	for n.Sign() > 0 {
		n.QuoRem(n, base, rest)
		digits = append(digits, uint16(rest.Uint64()))
	}
	slices.Reverse(digits)
	return digits
}

// clean makes any string one that PostgreSQL stores: valid UTF-8 without NUL (else SQLSTATE 22021). schemas does the same
// before; this is for what comes from elsewhere.
func clean(s string) string {
	nul := strings.IndexByte(s, 0) >= 0
	if !nul && utf8.ValidString(s) { // nearly always, and several times cheaper to see than to repair
		return s
	}
	if nul {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
