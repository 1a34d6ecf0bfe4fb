package traffic

import "time"

// Config says what traffic to invent. The zero value of a field means its default.
type Config struct {
	// Seed decides every random choice.
	Seed uint64
	// Start is the moment of the first record. It has no default: the generator owns no clock.
	Start time.Time
	// Rate is the mean number of records per second. Default 100.
	Rate float64
	// Duplicates is the share of records that their producer sends twice. Default 0.05; negative: none.
	Duplicates float64
	// Poison is the share of records that nobody can use. Default 0.005; negative: none.
	Poison float64
	// MaxLate bounds how long after its failure an exception is sent. Default 60 s.
	MaxLate time.Duration
	// Incidents are the times at which something goes wrong. Default none; see Schedule.
	Incidents []Incident
}

// IncidentKind is what goes wrong.
type IncidentKind uint8

// The incidents.
const (
	// RateLimited: one provider answers most requests with 429.
	RateLimited IncidentKind = iota + 1
	// InvalidJSON: the new version of one prompt makes the model answer with text that is not the JSON asked for.
	InvalidJSON
)

func (k IncidentKind) String() string {
	switch k {
	case RateLimited:
		return "anthropic answers 429"
	case InvalidJSON:
		return "support_answer " + newPromptVersion + " yields invalid JSON"
	}
	return ""
}

// Incident goes wrong from From to To, counted from Start, and again each time Every has passed (0: once).
type Incident struct {
	Kind            IncidentKind
	From, To, Every time.Duration
}

// Active tells whether the incident is on at this time after Start.
func (i Incident) Active(after time.Duration) bool {
	if i.Every > 0 {
		after %= i.Every
	}
	return after >= i.From && after < i.To
}

// Schedule is the two incidents of a demonstration, one after the other: within a run of the given length, or, for a
// run without end (0), in each five minutes.
func Schedule(run time.Duration) []Incident {
	every := time.Duration(0)
	if run <= 0 {
		run, every = 5*time.Minute, 5*time.Minute
	}
	at := func(percent int) time.Duration { return run * time.Duration(percent) / 100 }
	return []Incident{
		{Kind: RateLimited, From: at(20), To: at(42), Every: every},
		{Kind: InvalidJSON, From: at(58), To: at(82), Every: every},
	}
}

func (c Config) withDefaults() Config {
	if c.Rate == 0 {
		c.Rate = 100
	}
	if c.Duplicates == 0 {
		c.Duplicates = 0.05
	}
	if c.Poison == 0 {
		c.Poison = 0.005
	}
	if c.MaxLate == 0 {
		c.MaxLate = time.Minute
	}
	return c
}

// Topic is a topic that the traffic goes to.
type Topic struct {
	Name       string
	Partitions int32
}

// The topics: the two of a PostHog installation that carry LLM events and exceptions, and one that applications and an
// HTTP bridge write plain PostHog events and batches to.
const (
	TopicAI         = "events_plugin_ingestion_ai"
	TopicExceptions = "exceptions_ingestion"
	TopicEvents     = "llm_events"
)

// Topics is every topic that records may go to.
func Topics() []Topic {
	return []Topic{{TopicEvents, 4}, {TopicAI, 6}, {TopicExceptions, 2}}
}

func partitionsOf(topic string) int32 {
	for _, t := range Topics() {
		if t.Name == topic {
			return t.Partitions
		}
	}
	panic("traffic: no such topic: " + topic)
}
