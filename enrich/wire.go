package enrich

import (
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// rawShape is the format of a provider's own usage object, told by its keys. A later one wins over an earlier: LiteLLM
// keeps Anthropic's keys beside its own total, and then the total includes the cache.
type rawShape uint8

const (
	notRaw         rawShape = iota
	rawInputOutput          // input_tokens and output_tokens alone: the provider decides what they mean
	rawAnthropic            // cache_creation_input_tokens or its like beside input_tokens
	rawResponses            // OpenAI Responses, images, realtime: input_tokens_details
	rawChat                 // OpenAI chat and all that copy it: prompt_tokens
	rawConverse             // Bedrock: inputTokens
	rawGemini               // promptTokenCount
	rawCohere               // billed_units or tokens
)

// rawUsage reads the counts of the raw usage object, and tells whether there were any.
func (in *inputs) rawUsage(extra []schemas.CostInput) bool {
	for _, x := range extra {
		key, ok := strings.CutPrefix(x.Key, schemas.UsagePrefix)
		if !ok {
			in.invalid = in.invalid || x.Key+"." == schemas.UsagePrefix // the object was none
			continue
		}
		to, shape := in.rawCount(key)
		in.raw = max(in.raw, shape)
		if to != nil && !to.Ok {
			in.count(to, x.Value)
		}
	}
	in.modalities(extra)
	return in.raw != notRaw || in.invalid
}

// rawCount is where a leaf of a usage object goes, and what its name says of the whole.
func (in *inputs) rawCount(key string) (*decimalOpt, rawShape) {
	for _, read := range [...]func(string) (*decimalOpt, rawShape){in.chatCount, in.messageCount, in.geminiCount, in.otherCount} {
		if to, shape := read(key); to != nil {
			return to, shape
		}
	}
	return nil, notRaw
}

// chatCount reads OpenAI's chat format with DeepSeek's, Moonshot's and Perplexity's additions.
func (in *inputs) chatCount(key string) (*decimalOpt, rawShape) {
	switch key {
	case "prompt_tokens":
		return &in.in, rawChat
	case "completion_tokens":
		return &in.out, rawChat
	case "prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens", "cached_tokens":
		return &in.read, notRaw
	case "prompt_tokens_details.cache_write_tokens":
		return &in.write, notRaw
	case "prompt_tokens_details.audio_tokens":
		return &in.audioIn, notRaw
	case "prompt_tokens_details.image_tokens":
		return &in.imageIn, notRaw
	case "prompt_tokens_details.cached_tokens_details.audio_tokens":
		return &in.cachedAudio, notRaw
	case "completion_tokens_details.reasoning_tokens", "reasoning_tokens":
		return &in.reasoning, notRaw
	case "completion_tokens_details.audio_tokens":
		return &in.audioOut, notRaw
	case "completion_tokens_details.image_tokens":
		return &in.imageOut, notRaw
	case "citation_tokens":
		return &in.citation, notRaw
	}
	return nil, notRaw
}

// messageCount reads OpenAI's Responses, images and realtime formats and Anthropic's, which share their first two keys.
func (in *inputs) messageCount(key string) (*decimalOpt, rawShape) {
	switch key {
	case "input_tokens":
		return &in.in, rawInputOutput
	case "output_tokens":
		return &in.out, rawInputOutput
	case "cache_read_input_tokens":
		return &in.read, rawAnthropic
	case "cache_creation_input_tokens":
		return &in.write, rawAnthropic
	case "cache_creation.ephemeral_5m_input_tokens":
		return &in.write5m, rawAnthropic
	case "cache_creation.ephemeral_1h_input_tokens":
		return &in.write1h, rawAnthropic
	}
	part, ok := strings.CutPrefix(key, "input_tokens_details.")
	if !ok {
		part, ok = strings.CutPrefix(key, "input_token_details.")
	}
	if ok {
		return in.inputPart(part), rawResponses
	}
	if part, ok = strings.CutPrefix(key, "output_tokens_details."); !ok {
		part, ok = strings.CutPrefix(key, "output_token_details.")
	}
	if ok {
		return in.outputPart(part), notRaw
	}
	return nil, notRaw
}

func (in *inputs) inputPart(part string) *decimalOpt {
	switch part {
	case "cached_tokens":
		return &in.read
	case "cache_write_tokens":
		return &in.write
	case "audio_tokens":
		return &in.audioIn
	case "image_tokens":
		return &in.imageIn
	case "cached_tokens_details.audio_tokens":
		return &in.cachedAudio
	case "cached_tokens_details.image_tokens":
		return &in.cachedImage
	}
	return nil
}

func (in *inputs) outputPart(part string) *decimalOpt {
	switch part {
	case "reasoning_tokens", "thinking_tokens":
		return &in.reasoning
	case "audio_tokens":
		return &in.audioOut
	case "image_tokens":
		return &in.imageOut
	case "text_tokens":
		return &in.textOut
	}
	return nil
}

// geminiCount reads Google's usageMetadata, as its REST API and as its Python SDK write it.
func (in *inputs) geminiCount(key string) (*decimalOpt, rawShape) {
	switch key {
	case "promptTokenCount", "prompt_token_count":
		return &in.in, rawGemini
	case "candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count":
		return &in.out, rawGemini
	case "cachedContentTokenCount", "cached_content_token_count":
		return &in.read, rawGemini
	case "thoughtsTokenCount", "thoughts_token_count":
		return &in.reasoning, rawGemini
	case "toolUsePromptTokenCount", "tool_use_prompt_token_count":
		return &in.extraIn, rawGemini
	}
	return nil, notRaw
}

// otherCount reads Bedrock's Converse and Cohere.
func (in *inputs) otherCount(key string) (*decimalOpt, rawShape) {
	switch key {
	case "inputTokens":
		return &in.in, rawConverse
	case "outputTokens":
		return &in.out, rawConverse
	case "cacheReadInputTokens":
		return &in.read, rawConverse
	case "cacheWriteInputTokens":
		return &in.write, rawConverse
	case "billed_units.input_tokens", "tokens.input_tokens": // keys are sorted: what is billed comes first
		return &in.in, rawCohere
	case "billed_units.output_tokens", "tokens.output_tokens":
		return &in.out, rawCohere
	case "billed_units.search_units":
		return &in.units[unitQueries], rawCohere
	}
	return nil, notRaw
}

// modalities reads Google's lists of {modality, tokenCount}. Keys are sorted, so the modality stands before its count.
func (in *inputs) modalities(extra []schemas.CostInput) {
	for i := 1; i < len(extra); i++ {
		stem, ok := strings.CutSuffix(extra[i].Key, ".tokenCount")
		if !ok {
			stem, ok = strings.CutSuffix(extra[i].Key, ".token_count")
		}
		before, of := strings.CutSuffix(extra[i-1].Key, ".modality")
		if !ok || !of || before != stem {
			continue
		}
		list, _, _ := strings.Cut(strings.TrimPrefix(stem, schemas.UsagePrefix), ".")
		if to := in.modality(list, strings.ToLower(extra[i-1].Value)); to != nil {
			var n decimalOpt
			in.count(&n, extra[i].Value)
			*to = schemas.Some(to.V.Add(n.V))
		}
	}
}

// modality is where the tokens of a modality go. Video and documents cost what text costs.
func (in *inputs) modality(list, kind string) *decimalOpt {
	switch list + "/" + kind {
	case "promptTokensDetails/audio", "prompt_tokens_details/audio":
		return &in.audioIn
	case "promptTokensDetails/image", "prompt_tokens_details/image":
		return &in.imageIn
	case "cacheTokensDetails/audio", "cache_tokens_details/audio":
		return &in.cachedAudio
	case "cacheTokensDetails/image", "cache_tokens_details/image":
		return &in.cachedImage
	case "candidatesTokensDetails/audio", "candidates_tokens_details/audio":
		return &in.audioOut
	case "candidatesTokensDetails/image", "candidates_tokens_details/image":
		return &in.imageOut
	}
	return nil
}
