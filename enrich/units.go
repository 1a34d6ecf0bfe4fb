package enrich

import "github.com/tracetally/tracetally/schemas"

// unit is something other than a token that a call is billed by. Units are flat: no tier and no multiplier applies.
type unit uint8

const (
	unitRequests unit = iota
	unitSearches
	unitAudioSeconds
	unitCharacters
	unitImages
	unitPixels
	unitVideoSeconds
	unitQueries
	unitPages
	unitSessions
	numUnits
)

// unitWords are the names of the units in the compact price book and in explain.
var unitWords = [numUnits]string{
	"request", "web_search", "audio_second", "character", "image", "pixel", "video_second", "query", "page", "session",
}

// searchWords are the sizes of search context, in the order of rates.search.
var searchWords = [3]string{"low", "medium", "high"}

// mediumSearch is the size that is billed when an event does not say one.
const mediumSearch = 1

// searchRate is the price of one web search.
func (r *rates) searchRate(size string) decimalOpt {
	for i, w := range searchWords {
		if w == size {
			return r.search[i]
		}
	}
	return r.search[mediumSearch]
}

// unitRate is the price of one unit of u for this call.
func (r *rates) unitRate(u unit, in *inputs) decimalOpt {
	if u == unitSearches {
		return r.searchRate(in.searchSize)
	}
	return r.units[u]
}

// billedUnits turns the units that an event states into those that are billed under r.
func (r *rates) billedUnits(in *inputs, q *quantities) [numUnits]decimalOpt {
	n := in.units
	if r.units[unitRequests].Ok {
		n[unitRequests] = schemas.Some(one)
		if in.requests.Ok {
			n[unitRequests] = in.requests
		}
	}
	if s := n[unitSearches]; s.Ok && s.V.Sign() > 0 && r.searchOncePerPrompt() {
		n[unitSearches] = schemas.Some(one)
	}
	switch images := n[unitImages]; {
	case !images.Ok:
	case q.count[imageOut].Sign() > 0: // generated images are output tokens and not also so many images
		n[unitImages] = decimalOpt{}
	case !r.units[unitImages].Ok && r.units[unitPixels].Ok && in.pixels.Ok:
		n[unitPixels] = schemas.Some(images.V.Mul(in.pixels.V))
		n[unitImages] = decimalOpt{}
	}
	return n
}

// searchOncePerPrompt: Gemini 1 and 2 bill grounding once for a prompt, whatever the number of queries; Gemini 3 bills
// each (https://ai.google.dev/gemini-api/docs/pricing).
func (r *rates) searchOncePerPrompt() bool { return r.gemini2 && !r.searchPerQuery }

// unitsReplaceTokens: a multimodal embedding of images, video or sound is billed by these; the tokens that come with it
// are the provider's estimate of the same thing.
func (r *rates) unitsReplaceTokens(n *[numUnits]decimalOpt) bool {
	if r.mode != "embedding" {
		return false
	}
	for _, u := range [...]unit{unitImages, unitAudioSeconds, unitVideoSeconds} {
		if n[u].Ok && n[u].V.Sign() > 0 && r.units[u].Ok {
			return true
		}
	}
	return false
}
