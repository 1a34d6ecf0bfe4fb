package enrich

import "github.com/tracetally/tracetally/schemas"

// The price keys of costs that no book gave.
const (
	keyPassthrough    = "passthrough"
	keyCustom         = "custom"
	keyCallerEstimate = "caller_estimate"
	keyLocalCache     = "local_cache"
)

// price fills everything about provider, model, usage and cost, and the detail if it is wanted.
func (e *Enricher) price(ev *schemas.Event, d *CostDetail) {
	in := &e.scratch
	*in = inputs{}
	n := name{provider: ev.ProviderRaw, model: ev.ModelRaw, host: ev.Usage.BaseURLHost}
	m := e.matcher.find(n)
	in.collect(ev, m)
	if in.imageSize != "" && !anyOf(in.in, in.out) {
		n.imageSize = in.imageSize
		m = e.matcher.find(n)
	}
	ev.Provider, ev.Model = m.provider, m.model
	c := costing{ev: ev, in: in, m: m, host: n.host}
	if m.entry != nil {
		c.period = m.entry.at(ev.Time)
	}
	c.bill.detail = d
	c.usage()
	c.settle()
}

// costing is the work on the cost of one event.
type costing struct {
	ev     *schemas.Event
	in     *inputs
	m      *match
	host   string
	period *period // the price in force; nil: none
	q      quantities
	valid  bool // the counts do not contradict each other
	bill   bill
}

// usage reads the counts under the convention that holds for the event.
func (c *costing) usage() {
	r := c.rates()
	record := ""
	if r != nil {
		record = r.provider
	}
	conv := conventionOf(&c.ev.Usage, c.in, c.m, record)
	if custom := c.in.prices; custom.given() {
		r = custom.rates(c.m)
	}
	c.q, c.valid = decompose(c.in, conv, r)
	if c.q.contradictory {
		c.ev.Warnings |= schemas.WarnCacheExceedsInput
	}
	if c.bill.detail != nil {
		c.bill.detail.Exclusive = c.q.exclusive
	}
	u := &c.ev.Usage
	u.Tokens = c.q.tokens(c.in)
}

func (c *costing) rates() *rates {
	if c.period == nil {
		return nil
	}
	return c.period.rates
}

// rounded is a count as the tables hold it: whole, and absent if it is beyond 2^63.
func rounded(n decimalOpt) schemas.Opt[int64] {
	if !n.Ok {
		return schemas.Opt[int64]{}
	}
	v, ok := n.V.Round()
	return schemas.Opt[int64]{V: v, Ok: ok}
}

// settle decides the cost by the first rule that applies (cost.md §2).
func (c *costing) settle() {
	ev := c.ev
	if c.in.badReport {
		ev.Warnings |= schemas.WarnReportedCostIgnored
	}
	c.reported()
	switch {
	case ev.Kind != schemas.Call || ev.Status == schemas.StatusStarted:
		c.unpriced(schemas.NotBillable)
	case ev.Usage.CacheHit:
		c.flat(schemas.CostLocalCache, keyLocalCache, schemas.Decimal{})
	case ev.ReportedCostUSD.Ok:
		c.flat(schemas.CostPassthrough, keyPassthrough, ev.ReportedCostUSD.V)
	case ev.Status.Failed() && !c.in.known() && !c.in.invalid && !c.in.reported.in.Ok && !c.in.reported.out.Ok:
		c.failedUnused()
	case c.in.prices.given():
		c.custom()
	default:
		c.book()
	}
}

// reported keeps the producer's own figure if it is a whole one.
func (c *costing) reported() {
	rep := &c.in.reported
	switch {
	case rep.total.Ok:
	case rep.in.Ok && rep.out.Ok:
		rep.total = schemas.Some(sum(rep.in, rep.out, rep.request, rep.search))
	}
	c.ev.ReportedCostUSD = rep.total
}

// failedUnused: a call that failed before anything was counted cost nothing, whatever its model.
func (c *costing) failedUnused() {
	c.priced(schemas.CostBook, schemas.Decimal{})
	c.ev.PriceKey, c.ev.PriceVersion = "", ""
	if c.period != nil {
		c.ev.PriceKey, c.ev.PriceVersion = c.m.entry.key, c.period.version
	}
}

// custom prices a call by what its event says that a token costs.
func (c *costing) custom() {
	switch {
	case c.in.prices.invalid:
		c.unpriced(schemas.InvalidPrice)
	case !c.valid:
		c.unpriced(schemas.InvalidUsage)
	case !c.in.known():
		c.unpriced(schemas.UsageMissing)
	default:
		r := c.in.prices.rates(c.m)
		t := terms{prompt: c.q.totalIn.V, requests: one, multiplier: one}
		c.charge(r, &t, schemas.CostCustom, keyCustom, "")
	}
}

// book prices a call by the operator's and the embedded prices, else by the caller's estimate.
func (c *costing) book() {
	switch {
	case c.in.prices.invalid:
		c.unpriced(schemas.InvalidPrice)
	case c.m.entry == nil && c.m.free:
		c.flat(schemas.CostBook, openRouter+"/"+c.m.raw, schemas.Decimal{})
	case c.m.entry == nil:
		c.noModel()
	case c.period == nil:
		c.unpriced(schemas.NoPriceAtTime)
	case c.period.noPrice:
		c.unpriced(schemas.InvalidPrice)
	case !c.valid:
		c.unpriced(schemas.InvalidUsage)
	case !c.in.known():
		c.unpriced(schemas.UsageMissing)
		c.ev.PriceKey, c.ev.PriceVersion = c.m.entry.key, c.period.version
	default:
		c.byBook()
	}
}

func (c *costing) noModel() {
	switch {
	case c.ev.EstimatedCostUSD.Ok && c.ev.EstimatedCostUSD.V.Sign() >= 0:
		c.ev.Warnings |= schemas.WarnUnknownModel
		c.flat(schemas.CostCallerEstimate, keyCallerEstimate, c.ev.EstimatedCostUSD.V)
	case c.m.model == "":
		c.unpriced(schemas.MissingModel)
	default:
		c.unpriced(schemas.UnknownModel)
	}
}

func (c *costing) byBook() {
	status := schemas.CostBook
	if c.m.alias || c.m.entry.operator {
		status = schemas.CostOverride
	}
	if c.m.vendor {
		c.ev.Warnings |= schemas.WarnVendorPriceUsed
	}
	r := c.period.rates
	t := r.termsOf(c.in, &c.q, c.host, &c.ev.Warnings)
	c.charge(r, &t, status, c.m.entry.key, c.period.version)
}

// charge prices by rates; a side that the producer reports the cost of replaces the computed one.
func (c *costing) charge(r *rates, t *terms, status schemas.CostStatus, key, version string) {
	if !c.bill.charge(r, &c.q, c.in, t) {
		c.dropRows()
		c.unpriced(schemas.UnpricedDimension)
		return
	}
	if c.replaceSide() {
		status = schemas.CostPassthrough
	}
	c.priced(status, c.bill.total())
	c.ev.PriceKey, c.ev.PriceVersion = key, version
}

// replaceSide puts a reported cost of one side in the place of the computed one.
func (c *costing) replaceSide() bool {
	rep := &c.in.reported
	switch {
	case rep.in.Ok:
		c.bill.in = rep.in.V
	case rep.out.Ok:
		c.bill.out = rep.out.V
	default:
		return false
	}
	if d := c.bill.detail; d != nil {
		c.bill.keepSide(rep.in.Ok)
	}
	return true
}

// flat is a cost that is one amount.
func (c *costing) flat(status schemas.CostStatus, key string, amount schemas.Decimal) {
	c.priced(status, amount)
	c.ev.PriceKey, c.ev.PriceVersion = key, ""
	c.bill.row("total", one, amount, one, amount)
}

func (c *costing) priced(status schemas.CostStatus, amount schemas.Decimal) {
	c.ev.CostUSD, c.ev.CostStatus, c.ev.CostReason = schemas.Some(amount), status, ""
}

func (c *costing) unpriced(why schemas.CostReason) {
	ev := c.ev
	ev.CostUSD, ev.CostStatus, ev.CostReason = schemas.Opt[schemas.USD]{}, schemas.CostUnpriced, why
	ev.PriceKey, ev.PriceVersion = "", ""
}

// dropRows: what was priced of a call without a cost is no part of a cost.
func (c *costing) dropRows() {
	if d := c.bill.detail; d != nil {
		d.Buckets = []BucketCost{}
	}
}
