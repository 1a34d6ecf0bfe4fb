package schemas

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func extra(u Usage) string {
	var parts []string
	for _, in := range u.Extra {
		parts = append(parts, in.Key+"="+in.Value)
	}
	return strings.Join(parts, " ")
}

func TestEveryCostInputIsReadUnderBothNames(t *testing.T) {
	if !slices.IsSorted(CostInputKeys()) {
		t.Error("the keys are not sorted")
	}
	for _, key := range CostInputKeys() {
		value, literal := "3", "3"
		if wordy(key) {
			value, literal = "us-east", `"us-east"`
		}
		for _, prefix := range []string{"$ai_", ""} {
			u := decodeProps(t, "llm_request_completed", jsonText(prefix+key)+":"+literal).Event.Usage
			if got := extra(u); got != key+"="+value {
				t.Errorf("%s%s: %q", prefix, key, got)
			}
		}
	}
}

func TestUnusableCostInputsAreMarkedAndNotDropped(t *testing.T) {
	for literal, want := range map[string]string{
		`-1`: "!", `true`: "!", `{}`: "!", `[1]`: "!", `"x"`: "!", `""`: "!", `"2.5"`: "2.5", `1e3`: "1e3", `0`: "0", `null`: "",
	} {
		got := strings.TrimPrefix(extra(decodeProps(t, "$ai_generation", `"$ai_web_search_count":`+literal).Event.Usage), "web_search_count=")
		if got != want {
			t.Errorf("%s: %q, want %q", literal, got, want)
		}
	}
	for n, want := range map[int]string{32: "speed=" + strings.Repeat("f", 32), 33: "speed=!"} {
		if got := extra(decodeProps(t, "$ai_generation", `"speed":"`+strings.Repeat("f", n)+`"`).Event.Usage); got != want {
			t.Errorf("a word of %d: %q", n, got)
		}
	}
	if got := extra(decodeProps(t, "$ai_generation", `"speed":"as fast as you can, please"`).Event.Usage); got != "speed=!" {
		t.Errorf("prose in a word: %q", got)
	}
}

func TestRawUsageIsFlattened(t *testing.T) {
	const usage = `"$ai_usage":{"prompt_tokens":2006,"prompt_tokens_details":{"cached_tokens":1920},"service_tier":"standard","is_byok":false,"batched":true,` +
		`"promptTokensDetails":[{"modality":"TEXT","tokenCount":46}],"cost":"0.5","note":"words of a user, not a tier","tone":"gloomy","empty":null}`
	const full = "usage.batched=true usage.cost=0.5 usage.is_byok=false usage.note=! usage.promptTokensDetails.0.modality=TEXT usage.promptTokensDetails.0.tokenCount=46 " +
		"usage.prompt_tokens=2006 usage.prompt_tokens_details.cached_tokens=1920 usage.service_tier=standard usage.tone=!"
	if got := extra(decodeProps(t, "$ai_generation", usage).Event.Usage); got != full {
		t.Errorf("got  %s\nwant %s", got, full)
	}
	const beside = "usage.cost=0.5 usage.is_byok=false usage.service_tier=standard"
	if got := extra(decodeProps(t, "$ai_generation", usage+`,"$ai_input_tokens":1,"$ai_output_tokens":1`).Event.Usage); got != beside {
		t.Errorf("beside counts of its own: %s", got)
	}
	if got := extra(decodeProps(t, "$ai_generation", `"usage":"many"`).Event.Usage); got != "usage=!" {
		t.Errorf("usage that is no object: %s", got)
	}
	if got := extra(decodeProps(t, "$ai_generation", `"usage":"many","input_tokens":1`).Event.Usage); got != "" {
		t.Errorf("the same beside a count: %s", got)
	}
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf(`"k%03d":%d`, i, i))
	}
	if n := len(decodeProps(t, "$ai_generation", `"$ai_usage":{`+strings.Join(many, ",")+`}`).Event.Usage.Extra); n > maxUsageLeaves+len(extraNames) {
		t.Errorf("%d leaves kept", n)
	}
}

func TestReportedCostIsTheTotalOrTheSumOfItsParts(t *testing.T) {
	for props, want := range map[string]string{
		`"$ai_total_cost_usd":0.0003798`:                                                  "0.0003798",
		`"$ai_total_cost_usd":"0.5"`:                                                      "0.5",
		`"$ai_total_cost_usd":0`:                                                          "0",
		`"$ai_total_cost_usd":-1`:                                                         "none",
		`"$ai_total_cost_usd":{"v":1}`:                                                    "none",
		`"$ai_input_cost_usd":0.1,"$ai_output_cost_usd":0.2`:                              "0.3",
		`"input_cost_usd":0.1,"output_cost_usd":0.2,"web_search_cost_usd":1`:              "1.3",
		`"$ai_input_cost_usd":0.1`:                                                        "none",
		`"$ai_input_cost_usd":{"value":5.5},"$ai_output_cost_usd":{"value":3.5}`:          "none",
		`"$ai_total_cost_usd":{"v":1},"$ai_input_cost_usd":0.1,"$ai_output_cost_usd":0.2`: "0.3",
		`"$ai_total_cost_usd":1e-9`:                                                       "0.000000001",
	} {
		got := "none"
		if c := decodeProps(t, "$ai_generation", props).Event.ReportedCostUSD; c.Ok {
			got = c.V.String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", props, got, want)
		}
	}
}

func TestOnlyTheHostOfABaseURLIsKept(t *testing.T) {
	for url, want := range map[string]string{
		"https://api.openai.com/v1": "api.openai.com", "https://User:s3cret@OpenRouter.AI:443/api?key=k#f": "openrouter.ai",
		"api.openai.com/v1": "api.openai.com", "http://[::1]:8080/": "[::1]", "http://[fe80::1]/": "[fe80::1]", "": "", "http://a@b@c/": "c", `http:\\host\path`: "http",
		"please tell me": "", "https://what a host/": "", "https://höst/": "",
	} {
		if got := decodeProps(t, "$ai_generation", `"$ai_base_url":`+jsonText(url)).Event.Usage.BaseURLHost; got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}
