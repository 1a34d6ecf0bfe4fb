package alerts

import (
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

// other stands for every value that a cap left out; the rollups use the same word.
const other = "__other__"

// label makes a label value that Prometheus takes: valid UTF-8 of at most schemas.MaxTextBytes bytes. The decoders
// promise both already; client_golang answers an error to invalid UTF-8, and an event may not be lost to that.
func label(s string) string {
	if len(s) <= schemas.MaxTextBytes && utf8.ValidString(s) {
		return s
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	end := min(len(s), schemas.MaxTextBytes)
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// exemplarLabel is the one label of our exemplars.
const exemplarLabel = "trace_id"

// exemplar links a sample to its trace, or is nil (which is no exemplar) when the trace id cannot be carried: OpenMetrics 1.0 allows 128
// characters for the names and values of an exemplar together, and client_golang panics beyond them.
func exemplar(traceID string) prometheus.Labels {
	if traceID == "" || !utf8.ValidString(traceID) ||
		utf8.RuneCountInString(traceID)+len(exemplarLabel) > prometheus.ExemplarMaxRunes {
		return nil
	}
	return prometheus.Labels{exemplarLabel: strings.Clone(traceID)}
}
