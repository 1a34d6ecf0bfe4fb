// Package enrich computes what can be known of an event beyond what its producer sent: the exact cost of a call and why
// it is that, the length buckets, the hashes that stand for a user and an input, and the link to the trace.
//
// The cost of a call is found in five steps, one file or two each:
//
//	book        price files become a Book: models, each with its prices through time (book.go, litellm.go, compact.go)
//	match       a provider and a model as sent become an entry of the book (match.go, variants.go, provider.go)
//	inputs      the counts as sent, normalised properties or a raw usage object (inputs.go, wire.go)
//	decompose   counts under one of two conventions become disjoint buckets (convention.go, decompose.go)
//	price       buckets times rates, with context tiers, service tiers and multipliers (rates.go, price.go, units.go)
//
// cost.go puts them in order of precedence. Whatever cannot be priced exactly has no cost and a reason, never a 0.
// There is no float and no rounding anywhere on the way.
package enrich
