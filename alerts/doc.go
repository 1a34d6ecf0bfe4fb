// Package alerts is where the line is looked at: it turns what was committed into Prometheus metrics and serves them.
//
// What we observe is called llm_*, what we are is called tracetally_*. Three rules keep the numbers fit for alerting:
//
//   - Never ahead of Postgres. Committed and the worker's own counters are called after the commit was acknowledged, so
//     a crash in between makes a counter too low for a moment and never too high.
//   - Never about yesterday. Only events younger than Config.FreshWindow move an llm_* series; a worker that catches up
//     with hours of backlog fires no rate alert. The others are counted in tracetally_stale_events_total.
//   - Never born with a value. increase() and rate() cannot see the first value of a series, so every scraper is shown a
//     new one at 0 first (family, viewers), and the first call of a model creates the series of all its errors.
//
// Labels come from closed sets or are capped: past Config.MaxTuples combinations of environment, provider and model the
// rest is called __other__. No trace id, user or text is ever a label; a trace id is an exemplar only.
//
// docs/metrics.md lists every metric; it is generated from the registry.
package alerts
