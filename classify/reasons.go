package classify

import (
	_ "embed"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tracetally/tracetally/schemas"
)

//go:embed data/reasons.yaml
var reasonsYAML []byte

// ReasonInfo is what a reason means for whoever must act on it.
type ReasonInfo struct {
	// Reason is the slug; it belongs to exactly one category.
	Reason   string
	Category schemas.Category
	// Retryable is a property of the reason, never of one event: whether the same request may succeed later.
	Retryable bool
	// Origin is who must act: provider, account, application, network, model_output, datastore, data, model, host, tool.
	Origin string
	// Recovery is the action of the source article's table, as a slug.
	Recovery string
	// UsualCode is the HTTP status that such failures mostly carry, or empty.
	UsualCode string
}

// The two reasons that carry no information; an exception of the same trace may replace them.
const (
	reasonUnknown    = "unknown"
	reasonUnknownAPI = "unknown_api"
)

// Generic tells whether a reason says only that something failed.
func Generic(reason string) bool { return reason == reasonUnknown || reason == reasonUnknownAPI }

// Reasons is the closed list, ordered by category (as the article's table) and then as the labelling guide lists them.
func Reasons() []ReasonInfo {
	list, err := parseReasons(reasonsYAML)
	if err != nil {
		panic(err) // the file is compiled in: a broken one is a broken build, and every test meets it
	}
	return list
}

func parseReasons(data []byte) ([]ReasonInfo, error) {
	var file map[schemas.Category]yaml.MapSlice
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	var list []ReasonInfo
	for _, c := range schemas.Categories() {
		for _, item := range file[c] {
			r, err := parseReason(c, item)
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
	}
	return list, nil
}

func parseReason(c schemas.Category, item yaml.MapItem) (ReasonInfo, error) {
	name := fmt.Sprint(item.Key)
	text, err := yaml.Marshal(item.Value)
	if err != nil {
		return ReasonInfo{}, fmt.Errorf("read reason %s: %w", name, err)
	}
	var v struct {
		Retryable bool   `yaml:"retryable"`
		Origin    string `yaml:"origin"`
		Recovery  string `yaml:"recovery"`
		UsualCode string `yaml:"usual_code"`
	}
	if err := yaml.UnmarshalWithOptions(text, &v, yaml.Strict()); err != nil {
		return ReasonInfo{}, fmt.Errorf("read reason %s: %w", name, err)
	}
	return ReasonInfo{name, c, v.Retryable, v.Origin, v.Recovery, v.UsualCode}, nil
}

// Retry is how often and how patiently to repeat a request. The numbers are the source article's (FAQ): a rate limit
// backs off from 1 s, doubling, to at most 60 s; other retryable failures get 3 tries within 30 s; the rest fail at once.
type Retry struct {
	// Base is the first wait; each further one doubles, up to Cap.
	Base, Cap time.Duration
	// Attempts is the number of tries, the first included; 0 leaves it to the caller (a rate limit ends by itself).
	Attempts int
}

// RetryAdvice is how to repeat a request that failed for the reason. A reason that is not retryable, or unknown to the
// list, gets one attempt.
func RetryAdvice(reason string) Retry {
	for _, r := range Reasons() {
		switch {
		case r.Reason != reason || !r.Retryable:
		case reason == "rate_limit":
			return Retry{Base: time.Second, Cap: time.Minute}
		case reason == reasonUnknownAPI: // once more, says the labelling guide: nothing tells that it will help
			return Retry{Base: time.Second, Cap: 30 * time.Second, Attempts: 2}
		default:
			return Retry{Base: time.Second, Cap: 30 * time.Second, Attempts: 3}
		}
	}
	return Retry{Attempts: 1}
}
