package traffic

import (
	"fmt"
	"time"
)

// sdk is the library that an application reports its events with.
type sdk uint8

const (
	node sdk = iota
	python
)

// app is an application with an LLM feature.
type app struct {
	name, environment string
	// project is the public token of its PostHog project.
	project string
	sdk     sdk
	// bridge: its SDK's HTTP requests are written to TopicEvents as they are, instead of going through PostHog's capture.
	bridge bool
}

// prompt is a prompt under version control.
type prompt struct{ name, version, task string }

const (
	oldPromptVersion = "pv_2026_05_21_001"
	newPromptVersion = "pv_2026_06_04_003"
)

func supportDesk() app {
	return app{name: "support-desk", environment: "production", project: "phc_demo_support", sdk: node}
}

func docExtract() app {
	return app{name: "doc-extract", environment: "production", project: "phc_demo_extract", sdk: python, bridge: true}
}

func chatApps() []app {
	return []app{
		{name: "web-chat", environment: "production", project: "phc_demo_chat", sdk: node},
		{name: "web-chat", environment: "staging", project: "phc_demo_chat", sdk: node},
		{name: "code-review", environment: "production", project: "phc_demo_review", sdk: python},
		{name: "search-assist", environment: "production", project: "phc_demo_search", sdk: python, bridge: true},
	}
}

func agentApp() app {
	return app{name: "research-agent", environment: "production", project: "phc_demo_agent", sdk: node}
}

// promptOf is a prompt of the name, three in ten in the new version.
func (g *Generator) promptOf(name, task string) prompt {
	p := prompt{name: name, version: oldPromptVersion, task: task}
	if g.chance(0.3) {
		p.version = newPromptVersion
	}
	return p
}

func (p prompt) variant() string {
	if p.version == newPromptVersion {
		return "treatment"
	}
	return "control"
}

// user is one of 400 users, a few of them far busier than the others.
func (g *Generator) user() string {
	n := int(400 * g.r.Float64() * g.r.Float64())
	return fmt.Sprintf("user_%06x_hash", int64(n)*2654435761%0xffffff)
}

// seconds is a number from lo to hi seconds.
func (g *Generator) seconds(lo, hi float64) time.Duration {
	return time.Duration((lo + (hi-lo)*g.r.Float64()) * float64(time.Second)).Truncate(time.Millisecond)
}
