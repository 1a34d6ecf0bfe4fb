package enrich

import (
	"slices"

	"github.com/tracetally/tracetally/schemas"
)

// given tells that the event brings its own prices: both sides are needed (cost.md §2, row 2).
func (p *customPrices) given() bool { return p.in.Ok && p.out.Ok }

// rates are the event's own prices in the form of a record of the book. They are what the producer pays, so no tier
// and no multiplier changes them; the provider's way of counting and Claude's cache multipliers stay.
func (p *customPrices) rates(m *match) *rates {
	r := &rates{claude: m.claude}
	for _, price := range [...]struct {
		b bucket
		n decimalOpt
	}{{textIn, p.in}, {textOut, p.out}, {cacheRead, p.read}, {cacheWrite5m, p.write}, {cacheWrite1h, p.write1h}} {
		if price.n.Ok {
			r.tokens[price.b] = r.tokens[price.b].set(0, standard, price.n.V)
		}
	}
	if p.request.Ok {
		r.units[unitRequests] = p.request
	}
	r.search = [...]decimalOpt{p.search, p.search, p.search}
	return r
}

func (p *customPrices) of(key string) *decimalOpt {
	switch key {
	case "input_token_price":
		return &p.in
	case "output_token_price":
		return &p.out
	case "cache_read_token_price":
		return &p.read
	case "cache_write_token_price":
		return &p.write
	case "cache_write_1h_token_price":
		return &p.write1h
	case "request_price":
		return &p.request
	case "web_search_price":
		return &p.search
	}
	return nil
}

func (p *customPrices) set(to *decimalOpt, v string) {
	d, err := schemas.ParseDecimal(v)
	if err != nil || d.Sign() < 0 {
		p.invalid = true
		return
	}
	*to = schemas.Some(d)
}

// keepSide puts the reported amount of one side in the place of the rows that were computed for it.
func (b *bill) keepSide(inputReported bool) {
	word, amount := "output_reported", b.out
	if inputReported {
		word, amount = "input_reported", b.in
	}
	b.detail.Buckets = slices.DeleteFunc(b.detail.Buckets, func(row BucketCost) bool {
		i := slices.Index(bucketWords[:], row.Bucket)
		return i >= 0 && bucket(i).output() != inputReported
	})
	b.row(word, one, amount, one, amount)
}
