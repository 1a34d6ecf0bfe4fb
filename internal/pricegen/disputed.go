package main

import (
	_ "embed" // the corrections
	"strings"
)

// corrections are last prices of retired models that LiteLLM never updated, in its format, from pydantic/genai-prices of
// 2026-08-21 (MIT), which follows https://ai.google.dev/gemini-api/docs/pricing: Gemini 1.5 Pro became cheaper in October 2024.
//
//go:embed corrections.json
var corrections []byte

// disputedPrefixes begin the names of retired models whose last price in LiteLLM's history is not that of
// pydantic/genai-prices (2026-08-21), compared by hand. Nothing tells which one is right, so they stay unknown.
var disputedPrefixes = []string{
	"claude-3-5-haiku-latest", "claude-instant", "o1-mini-2024-09-12",
	"gemini-1.0-", "gemini-pro", "gemini-1.5-flash-exp", "gemini-1.5-flash-preview", "gemini-1.5-pro-preview",
	"gemini-2.0-flash-exp", "gemini-2.0-pro-exp", "gemini-2.5-flash-image-preview", "gemini-2.5-flash-preview-05-20",
	"gemini/gemini-1.5-pro", "gemini/gemini-pro", "gemini/gemini-2.5-flash-image-preview",
	"gemini/gemini-2.5-flash-preview-05-20",
}

func disputed(model string) bool {
	for _, p := range disputedPrefixes {
		if strings.HasPrefix(model, p) {
			return true
		}
	}
	return false
}
