package enrich_test

import (
	"strings"
	"testing"

	"github.com/tracetally/tracetally/schemas"
)

// roundPrices have whole USD per token, so that a wrong rule shows in the first digit.
const roundPrices = `{
	"claude-x": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 100, "output_cost_per_token": 500},
	"anthropic.claude-x-v1:0": {"litellm_provider": "bedrock_converse", "mode": "chat", "input_cost_per_token": 100, "output_cost_per_token": 500},
	"plain": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "cache_creation_input_token_cost": 15},
	"sound": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "input_cost_per_audio_token": 20, "cache_read_input_audio_token_cost": 3},
	"long": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": 1, "output_cost_per_token": 5, "input_cost_per_token_above_1k_tokens": 2, "input_cost_per_token_priority": 3, "output_cost_per_token_priority": 9},
	"gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50},
	"gemini-y": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 7, "output_cost_per_token": 7},
	"azure_ai/gpt-y": {"litellm_provider": "azure_ai", "mode": "chat", "input_cost_per_token": 4, "output_cost_per_token": 4},
	"azure_ai_bare": {"litellm_provider": "azure_ai", "mode": "chat", "input_cost_per_token": 4, "output_cost_per_token": 4},
	"deepseek/d": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "input_cost_per_token_cache_hit": 1},
	"gemini/gemini-2.9": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "search_context_cost_per_query": {"search_context_size_low": 5, "search_context_size_medium": 7, "search_context_size_high": 9}},
	"gemini/gemini-2.9-each": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "web_search_billing_unit": "per_query", "search_context_cost_per_query": {"search_context_size_medium": 7}},
	"gemini/painter": {"litellm_provider": "gemini", "mode": "image_generation", "input_cost_per_token": 10, "output_cost_per_token": 50, "output_cost_per_image_token": 70, "output_cost_per_image": 1000},
	"vertex_ai/gemini-r": {"litellm_provider": "vertex_ai", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "regional_endpoint_uplift_multiplier": 1.5},
	"perplexity/s": {"litellm_provider": "perplexity", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "search_context_cost_per_query": {"search_context_size_low": 5, "search_context_size_medium": 7}},
	"perplexity/deep": {"litellm_provider": "perplexity", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "output_cost_per_reasoning_token": 30, "citation_cost_per_token": 20},
	"drawer": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_image": 40},
	"standard/1024-x-1792/drawer": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_image": 80},
	"listener": {"litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": 0, "input_cost_per_audio_per_second": 3, "output_cost_per_second": 4},
	"toll": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": 10, "output_cost_per_token": 50, "input_cost_per_request": 1000}
}`

func TestRulesOfBilling(t *testing.T) {
	e := newEnricher(t, nil, []byte(roundPrices))
	for _, c := range []struct{ name, props, want string }{
		// §3: a kind of token without a rate of its own.
		{"Claude's cache has Anthropic's multipliers", `p:anthropic m:claude-x in:1 out:0 read:10 w5:4 w1:3`, "1300"}, // 100 + 10×10 + 4×125 + 3×200
		{"any other cache costs what input costs", `p:q m:gpt-x in:14 out:0 read:10`, "140"},
		{"an hour's write costs at least the short one", `p:p m:plain in:3 out:0 w1:3`, "45"},
		{"cached audio is no fresh audio", `p:p m:sound in:10 out:0 read:4 "audio_input_tokens":5 "cache_read_audio_tokens":2`, "116"}, // 3×10 + 2×10 + 3×20 + 2×3
		{"cached audio beyond the cache", `p:p m:plain in:10 out:0 read:1 "audio_input_tokens":5 "cache_read_audio_tokens":2`, "invalid_usage"},
		{"cached audio beyond the audio", `p:p m:plain in:10 out:0 read:5 "audio_input_tokens":1 "cache_read_audio_tokens":2`, "invalid_usage"},
		{"a part of the output beyond it", `p:p m:plain in:1 out:3 "image_output_tokens":4`, "invalid_usage"},
		{"writes beyond their sum", `p:p m:plain in:9 out:0 w:3 w5:2 w1:2`, "invalid_usage"},
		{"what is left of the writes is short", `p:anthropic m:claude-x in:0 out:0 w:5 w1:2`, "775"},
		// §4: who includes the cache, who adds the reasoning.
		{"Bedrock leaves the cache out", `p:bedrock m:anthropic.claude-x-v1:0 in:10 out:0 read:10`, "1100"},
		{"Anthropic leaves the cache out", `p:anthropic m:claude-x in:10 out:0 read:10`, "1100"},
		{"Claude without a provider leaves it out", `m:claude-x in:10 out:0 read:10`, "1100"},
		{"Claude behind OpenAI's format includes it", `p:openai m:claude-x in:10 out:0 read:10`, "100"},
		{"LiteLLM includes it", `p:anthropic m:claude-x in:10 out:0 read:10 "$ai_framework":"litellm"`, "100"},
		{"OpenTelemetry includes it", `p:anthropic m:claude-x in:10 out:0 read:10 "$ai_framework":"otel"`, "100"},
		{"a host of OpenAI's format includes it", `p:anthropic m:claude-x in:10 out:0 read:10 "$ai_base_url":"https://openrouter.ai/api"`, "100"},
		{"the event's own word wins", `p:anthropic m:claude-x in:10 out:0 read:10 "$ai_cache_reporting_exclusive":false`, "100"},
		{"LiteLLM's total wins over Anthropic's keys beside it", `p:anthropic m:claude-x usage:{"prompt_tokens":10,"completion_tokens":0,"cache_read_input_tokens":10,"cache_creation_input_tokens":0}`, "100"},
		{"Anthropic's raw usage leaves it out under any name", `p:q m:claude-x usage:{"input_tokens":10,"output_tokens":0,"cache_read_input_tokens":10}`, "1100"},
		{"Google's thoughts come on top", `p:google m:gemini-2.9 in:0 out:2 think:3`, "250"},
		{"and in its raw usage, whoever passes it on", `p:p m:plain usage:{"promptTokenCount":1,"candidatesTokenCount":2,"thoughtsTokenCount":3}`, "260"},
		{"LiteLLM's output includes them", `p:google m:gemini-2.9 in:0 out:5 think:3 "$ai_framework":"litellm"`, "250"},
		{"Google's endpoint for OpenAI's SDK includes them", `p:openai m:gemini-2.9 in:0 out:5 think:3 "$ai_base_url":"https://generativelanguage.googleapis.com/v1beta/openai/"`, "250"},
		{"reasoning is part of the output elsewhere", `p:p m:plain in:0 out:5 think:3`, "250"},
		{"Perplexity adds what it has a price for", `p:perplexity m:deep in:0 out:2 think:3 "citation_tokens":1`, "210"},
		{"and nothing else", `p:perplexity m:s in:0 out:5 think:3`, "250"},
		{"DeepSeek's hits are in its prompt", `p:deepseek m:d usage:{"prompt_tokens":10,"completion_tokens":0,"prompt_cache_hit_tokens":6,"prompt_cache_miss_tokens":4}`, "46"},
		{"modalities add up", `p:p m:sound usage:{"promptTokenCount":10,"candidatesTokenCount":0,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":2},{"modality":"TEXT","tokenCount":5},{"modality":"AUDIO","tokenCount":3}]}`, "150"},
		{"a raw usage that is none", `p:p m:plain usage:7`, "invalid_usage"},
		{"a raw count that is none", `p:p m:plain usage:{"prompt_tokens":-1,"completion_tokens":4}`, "invalid_usage"},
		// §6: which rate.
		{"at the threshold the base holds", `p:p m:long in:1000 out:0`, "1000"},
		{"above it everything is dearer", `p:p m:long in:1001 out:0`, "2002"},
		{"xAI's threshold belongs to the dearer price", `p:xai m:grok-4.3 in:200000 out:0`, "0.5"},
		{"a sum of calls is judged by their average", `p:p m:long in:2000 out:0 "request_count":2`, "2000"},
		{"the long price beats the priority price of short prompts", `p:p m:long in:1001 out:1 "$ai_service_tier":"priority"`, "2011"},
		{"fast is priority", `p:p m:long in:10 out:0 "$ai_service_tier":"fast"`, "30"},
		{"the tier served beats the tier asked for", `p:p m:long in:10 out:0 "$ai_service_tier":"priority" usage:{"service_tier":"default"}`, "10"},
		{"a regional endpoint of Vertex is dearer", `p:vertex_ai m:gemini-r in:1 out:1 "$ai_base_url":"https://us-central1-aiplatform.googleapis.com"`, "90"},
		{"the global one is not", `p:vertex_ai m:gemini-r in:1 out:1 "$ai_base_url":"https://aiplatform.googleapis.com"`, "60"},
		// Units.
		{"Gemini 2 bills a search once per prompt", `p:google m:gemini-2.9 in:0 out:0 "web_search_count":4`, "7"},
		{"unless its file says per query", `p:google m:gemini-2.9-each in:0 out:0 "web_search_count":4`, "28"},
		{"the size of the search context", `p:google m:gemini-2.9 in:0 out:0 "web_search_count":4 "search_context_size":"high"`, "9"},
		{"Perplexity's own count of searches", `p:perplexity m:s usage:{"prompt_tokens":1,"completion_tokens":0,"num_search_queries":2}`, "24"},
		{"and its size of the search context", `p:perplexity m:s usage:{"prompt_tokens":1,"completion_tokens":0,"num_search_queries":2,"search_context_size":"low"}`, "20"},
		{"Anthropic's count of searches", `p:q m:perplexity/s usage:{"input_tokens":1,"output_tokens":0,"server_tool_use":{"web_search_requests":2}}`, "24"},
		{"a search without a price", `p:p m:plain in:1 out:0 "web_search_count":1`, "unpriced_dimension"},
		{"no search costs nothing", `p:p m:plain in:1 out:0 "web_search_count":0`, "10"},
		{"a generated image is its tokens", `p:google m:painter in:0 out:10 "image_output_tokens":10 "image_count":1`, "700"},
		{"or a number of images", `p:google m:painter in:0 out:0 "image_count":1`, "1000"},
		{"an image of a size has the price of that size", `p:openai m:drawer "image_count":1 "image_size":"1024x1792"`, "80"},
		{"another size has the model's", `p:openai m:drawer "image_count":1 "image_size":"999x1"`, "40"},
		{"seconds are billed once", `p:openai m:listener "audio_seconds":2.5`, "7.5"},
		{"a fee per request", `p:p m:toll in:1 out:0 "request_count":2`, "2010"},
		{"a fee per request, once by default", `p:p m:toll in:1 out:0`, "1010"},
		// §2: what providers report.
		{"OpenRouter's fee and the customer's bill", `p:openrouter m:x usage:{"prompt_tokens":1,"completion_tokens":1,"cost":2,"is_byok":true,"cost_details":{"upstream_inference_cost":3}}`, "5"},
		{"no second bill without a key of the customer", `p:openrouter m:x usage:{"prompt_tokens":1,"completion_tokens":1,"cost":2,"is_byok":false,"cost_details":{"upstream_inference_cost":3}}`, "2"},
		{"a cost field of nobody knows whom", `p:p m:plain usage:{"prompt_tokens":1,"completion_tokens":1,"cost":2}`, "60"},
		{"Perplexity's total", `p:perplexity m:s usage:{"prompt_tokens":1,"completion_tokens":1,"cost":{"total_cost":2}}`, "2"},
		{"both sides reported", `p:p m:plain in:1 out:1 "$ai_input_cost_usd":1.5 "$ai_output_cost_usd":2 "$ai_request_cost_usd":0.25 "$ai_web_search_cost_usd":0.125`, "3.875"},
		// §5: whose price.
		{"Azure takes OpenAI's price and no other", `p:azure m:gpt-x in:1 out:1`, "60"},
		{"not that of Azure AI", `p:azure m:gpt-y in:1 out:1`, "unknown_model"},
		{"a bare key of Azure AI is none of Azure's", `p:azure m:azure_ai_bare in:1 out:1`, "unknown_model"},
		{"Bedrock takes nobody's", `p:bedrock m:gpt-x in:1 out:1`, "unknown_model"},
		{"nor does a host with prices of its own", `p:deepseek m:gpt-x in:1 out:1`, "unknown_model"},
	} {
		ev := apply(t, e, generation(properties(c.props)))
		if got := outcome(&ev); got != c.want {
			t.Errorf("%s: %s by %q, want %s", c.name, got, ev.PriceKey, c.want)
		}
		detailAddsUp(t, e, &ev)
	}
}

// properties writes out the short form of the table above.
func properties(short string) string {
	long := map[string]string{"in": "$ai_input_tokens", "out": "$ai_output_tokens", "read": "$ai_cache_read_input_tokens",
		"w": "$ai_cache_creation_input_tokens", "w5": "$ai_cache_creation_5m_input_tokens", "w1": "$ai_cache_creation_1h_input_tokens",
		"think": "$ai_reasoning_tokens", "usage": "$ai_usage"}
	var out []string
	for _, field := range strings.Fields(short) {
		key, value, _ := strings.Cut(field, ":")
		switch {
		case key == "p":
			field = `"$ai_provider":"` + value + `"`
		case key == "m":
			field = `"$ai_model":"` + value + `"`
		case long[key] != "":
			field = `"` + long[key] + `":` + value
		}
		out = append(out, field)
	}
	return strings.Join(out, ",")
}

// TestSumsOfReportedSidesNeedNoDecoder: an event that was not decoded by schemas has its sides in Extra alone.
func TestSumsOfReportedSidesNeedNoDecoder(t *testing.T) {
	e := newEnricher(t, nil)
	ev := schemas.Event{Kind: schemas.Call, ModelRaw: "gpt-4o", Usage: schemas.Usage{
		Extra: []schemas.CostInput{{Key: "input_cost_usd", Value: "1.5"}, {Key: "output_cost_usd", Value: "2"}}}}
	e.Apply(&ev, &schemas.Sensitive{})
	if outcome(&ev) != "3.5" || ev.ReportedCostUSD.V.String() != "3.5" {
		t.Errorf("%s, reported %v", outcome(&ev), ev.ReportedCostUSD)
	}
}
