package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// change is one line of the history.
type change struct {
	Event      string                     `json:"event"` // baseline, added, changed, removed
	Model      string                     `json:"model"`
	LastPrices map[string]json.RawMessage `json:"last_prices"` // of removed
}

// retired makes a price file of the models that the current file no longer has, with their last prices: calls made with
// them, and calls replayed from old topics, can still be priced. A name that came back, or whose vendor cannot be told from it, stays out.
func retired(history, current []byte, report *bytes.Buffer) ([]byte, error) {
	var now map[string]json.RawMessage
	if err := json.Unmarshal(current, &now); err != nil {
		return nil, fmt.Errorf("read the price file: %w", err)
	}
	gone := map[string]map[string]json.RawMessage{}
	lines := bufio.NewScanner(bytes.NewReader(history))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c change
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, err
		}
		switch c.Event {
		case "removed":
			gone[c.Model] = c.LastPrices
		case "baseline", "added":
			delete(gone, c.Model)
		}
	}
	out := map[string]map[string]any{}
	for _, model := range slices.Sorted(maps.Keys(gone)) {
		prices := gone[model]
		if _, ok := now[model]; ok {
			continue
		}
		if disputed(model) {
			fmt.Fprintf(report, "dropped the model: history: %s: its last price is disputed\n", model)
			continue
		}
		if provider := vendorOf(model); provider != "" {
			rec := map[string]any{"litellm_provider": provider, "mode": modeOf(model)}
			for key, v := range prices {
				rec[key] = v
			}
			out[model] = rec
		}
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode the retired models: %w", err)
	}
	return data, lines.Err()
}

// vendorOf tells whose model a retired name is; the history does not say. Bedrock's ids are left out, most that
// went were misspelt, and OpenRouter's, whose prices follow its suppliers.
func vendorOf(model string) string {
	head, _, prefixed := strings.Cut(model, "/")
	switch {
	case prefixed && (head == "gemini" || head == "groq" || head == "perplexity"):
		return head
	case prefixed:
		return ""
	case strings.HasPrefix(model, "claude-"):
		return "anthropic"
	case strings.HasPrefix(model, "gpt-") || strings.HasPrefix(model, "o1-"):
		return "openai"
	case strings.HasPrefix(model, "gemini-"):
		return "vertex_ai-language-models"
	}
	return ""
}

func modeOf(model string) string {
	if strings.Contains(model, "embed") {
		return "embedding"
	}
	return "chat"
}
