package pipeline

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// contract is the closed list of what may be stored of a text, by the field that it came in: where, and never elsewhere.
// Whatever is not in the list may be nowhere. Users' ids are stored as hashes under a key, and so they are not in it.
func contract() map[string][]string {
	const (
		inputs = "ledger.cost_inputs" // what the cost is computed from, models and tiers among it
		values = "dimension_value.value"
		labels = "metrics"
	)
	list := map[string][]string{}
	allow := func(places []string, fields ...string) {
		for _, f := range fields {
			list[f] = places
		}
	}
	allow([]string{"series.model", values, inputs, labels}, "$ai_model", "model", "llm_model")
	allow([]string{"series.provider", values, inputs, labels}, "$ai_provider", "provider")
	allow([]string{"series.environment", values, labels}, "environment", "$environment", "env")
	allow([]string{"series.service", values}, "service", "service_name", "service.name")
	allow([]string{"series.prompt_name", values}, "prompt_name", "$ai_prompt_name")
	allow([]string{"series.prompt_version", values}, "prompt_version_id", "$ai_prompt_version", "prompt_version")
	allow([]string{"series.task_type", values}, "task_type")
	allow([]string{"series.input_length_bucket", values}, "input_length_bucket")
	allow([]string{"ledger.step", "error_series.step", values}, "agent_step_name", "$ai_span_name")
	allow([]string{"ledger.tool"}, "tool_name", "$ai_tool_name")
	// a trace's id is the exemplar of a duration, which the two newer forms of the metrics carry beside the labels
	allow([]string{"ledger.join_key", "ledger.alt_key", "ledger.trace_url", "ledger.span_id", "metrics openmetrics", "metrics protobuf"}, "$ai_trace_id", "trace_id", "traceId", "trace.id")
	allow([]string{"ledger.span_id"}, "$ai_span_id", "span_id")
	allow([]string{"ledger.parent_id"}, "$ai_parent_id", "parent_id")
	allow([]string{"ledger.session_id"}, "$ai_session_id", "$session_id", "session_id")
	allow([]string{"ledger.alt_key"}, "$exception_event_id")
	allow([]string{"ledger.trace_url"}, "trace_url")
	allow([]string{inputs}, "$ai_service_tier", "service_tier", "$ai_usage.service_tier", "$ai_base_url", "base_url", "$ai_framework", "framework",
		"$ai_data_residency", "data_residency", "$ai_image_size", "image_size", "$ai_inference_geo", "inference_geo", "$ai_search_context_size", "search_context_size",
		"$ai_speed", "speed", "usage.{}", "usage.nested.{}")
	allow([]string{"error_group.error_type"}, "error_type", "$ai_error_type", "$exception_list[].type", "$exception_type")
	allow([]string{"error_group.message"}, "$ai_error", "error_message", "message", "error_details", "$exception_message", "$exception_list[].value",
		"$ai_error!.message", "$ai_error!.message!.error.message", "$ai_error!.error.message", "$ai_error!.error.error.message", "$ai_error!.cause.message",
		"$ai_error!.cause.cause.message", "$exception_list[].value!.error.message", "$ai_error.message", "$ai_error.cause.message", "error_details.message")
	return list
}

// loud are the styles in which a text is known to be somebody's: quoted in an error, searched for in a URL, an image's bytes.
// So it may not be in a message either.
var loud = map[string]bool{"quoted": true, "url": true, "base64": true}

// leak is a canary where it may not be.
type leak struct {
	place string
	from  origin
	text  string
}

// leaks looks for canaries in what was found, plain and in the encodings that hide a word from a search for it.
func (c *canaries) leaks(found map[string]string, allowed map[string][]string) []leak {
	var all []leak
	for place, text := range found {
		for token, read := range encodings() {
			for _, at := range token.FindAllStringIndex(text, -1) {
				word := read(text[at[0]:at[1]])
				from, planted := c.planted[word]
				if !planted || !permitted(allowed[from.field], place, from) {
					all = append(all, leak{place, from, text[max(0, at[0]-80):min(len(text), at[1]+40)]})
				}
			}
		}
	}
	return all
}

func permitted(places []string, place string, from origin) bool {
	if loud[from.style] && place == "error_group.message" {
		return false
	}
	return slices.ContainsFunc(places, func(p string) bool { return strings.HasPrefix(place, p) || strings.HasSuffix(place, "."+p) })
}

// encodings finds words, and reads what stands for one.
func encodings() map[*regexp.Regexp]func(string) string {
	plain := canary + `[a-z]{5}`
	list := map[*regexp.Regexp]func(string) string{
		regexp.MustCompile(`(?i)` + plain): strings.ToLower,
		regexp.MustCompile(`(?i)` + hex.EncodeToString([]byte(canary)) + `[0-9a-f]{10}`): func(s string) string {
			b, _ := hex.DecodeString(s)
			return string(b)
		},
		regexp.MustCompile(`[a-z]{5}` + reversed(canary)): reversed,
	}
	for shift := range 3 { // a word may begin at each of three places in a group of base64
		whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + canary))
		sure := whole[(8*shift+5)/6 : 8*(shift+len(canary))/6]
		list[regexp.MustCompile(regexp.QuoteMeta(sure)+`[A-Za-z0-9+/_-]{6,8}`)] = func(s string) string {
			return unbase64(s, shift)
		}
	}
	return list
}

// unbase64 reads a word out of the middle of a base64 text: bits that it shares with what is before it are left out.
func unbase64(s string, shift int) string {
	s = strings.Repeat("A", (8*shift+5)/6) + s
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s + strings.Repeat("A", (4-len(s)%4)%4))
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) < shift+len(canary)+5 {
		return ""
	}
	return canary + string(b[shift+len(canary):shift+len(canary)+5])
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// shown tells whether some word of a field is in one of the places, so that the search is known to see it.
func (c *canaries) shown(found map[string]string, field string, places []string) bool {
	for place, text := range found {
		for _, word := range plainWord.FindAllString(text, -1) {
			if from := c.planted[strings.ToLower(word)]; from.field == field && permitted(places, place, from) {
				return true
			}
		}
	}
	return false
}

var plainWord = regexp.MustCompile(`(?i)` + canary + `[a-z]{5}`)
