package enrich

import (
	"regexp"
	"slices"
	"strings"
)

// maxVariants bounds the spellings tried for one name.
const maxVariants = 64

// variants are the spellings of a lower-case model name that mean the same model, the closest to the sent one first (cost.md §5).
// Each step adds to what the steps before it made. Nothing is ever matched by a part of a name.
func variants(model, provider string) []string {
	if base, ok := fineTuneBase(model); ok {
		return []string{model, base} // never the price of the model it was tuned from
	}
	out := []string{model}
	for _, step := range []func(string) []string{
		unwrapPath, stripVendor(provider), stripVendor(provider), stripContextMark, dateForms, stripLatest, gpt35, claudeForms,
		stripGeo(provider),
	} {
		for _, n := range slices.Clone(out) {
			for _, v := range step(n) {
				if v != "" && !slices.Contains(out, v) && len(out) < maxVariants {
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// fineTuneBase is ft:BASE of ft:BASE:org:suffix:id, with whatever is empty or appended behind.
func fineTuneBase(model string) (string, bool) {
	model = strings.TrimPrefix(model, "openai/")
	rest, ok := strings.CutPrefix(model, "ft:")
	if !ok {
		return "", false
	}
	base, _, _ := strings.Cut(rest, ":")
	return "ft:" + base, true
}

// unwrapPath takes the model out of a resource name of AWS or Google.
func unwrapPath(n string) []string {
	switch {
	case strings.HasPrefix(n, "arn:aws"):
		return []string{n[strings.LastIndexByte(n, '/')+1:]}
	case strings.HasPrefix(n, "projects/") || strings.HasPrefix(n, "publishers/") || strings.HasPrefix(n, "models/"):
		if i := strings.LastIndex(n, "models/"); i >= 0 {
			return []string{n[i+len("models/"):]}
		}
	case strings.HasPrefix(n, "bedrock/"):
		return []string{n[strings.LastIndexByte(n, '/')+1:]}
	}
	return nil
}

// stripVendor drops a prefix that names the provider asked. Another vendor's prefix stays: it decides whose price it is.
func stripVendor(provider string) func(string) []string {
	return func(n string) []string {
		head, rest, ok := strings.Cut(n, "/")
		if ok && canonical(head) == provider {
			return []string{rest}
		}
		return nil
	}
}

// stripContextMark drops Claude Code's mark of a long context; no other brackets are known.
func stripContextMark(n string) []string {
	if rest, ok := strings.CutSuffix(n, "[1m]"); ok {
		return []string{rest}
	}
	return nil
}

var dateSuffix = regexp.MustCompile(`^(.+)([-@])(20\d{6}|20\d\d-\d\d-\d\d)$`)

// dateForms writes a date as other hosts do, then leaves it out.
func dateForms(n string) []string {
	m := dateSuffix.FindStringSubmatch(n)
	switch {
	case m == nil:
		if i := strings.LastIndexByte(n, '@'); i > 0 && !strings.Contains(n[i:], "/") {
			return []string{n[:i]} // a version of Vertex: @default, @001
		}
		return nil
	case m[2] == "@":
		return []string{m[1] + "-" + m[3], m[1]}
	}
	return []string{m[1] + "@" + m[3], m[1]}
}

func stripLatest(n string) []string {
	if rest, ok := strings.CutSuffix(n, "-latest"); ok {
		return []string{rest}
	}
	return nil
}

// gpt35 undoes the spelling of Azure, which allows no dot in the name of a deployment.
func gpt35(n string) []string {
	if strings.Contains(n, "gpt-35-") {
		return []string{strings.Replace(n, "gpt-35-", "gpt-3.5-", 1)}
	}
	return nil
}

var (
	claudeDotted     = regexp.MustCompile(`(claude\S*?-\d)\.(\d)`)
	claudeHyphened   = regexp.MustCompile(`(claude\S*?-\d)-(\d)(-|@|:|$)`)
	claudeVersionEnd = regexp.MustCompile(`claude-(\d)(?:[-.](\d))?-(opus|sonnet|haiku)`)
)

// claudeForms are the ways hosts write Claude's version: 4.5 or 4-5, before the family or behind it.
func claudeForms(n string) []string {
	if !strings.Contains(n, "claude") {
		return nil
	}
	out := []string{claudeDotted.ReplaceAllString(n, "$1-$2"), claudeHyphened.ReplaceAllString(n, "$1.$2$3")}
	if m := claudeVersionEnd.FindStringSubmatchIndex(n); m != nil {
		version := n[m[2]:m[3]]
		dotted := version
		if m[4] >= 0 {
			dotted, version = version+"."+n[m[4]:m[5]], version+"-"+n[m[4]:m[5]]
		}
		head, family, tail := n[:m[0]], n[m[6]:m[7]], n[m[1]:]
		out = append(out, head+"claude-"+family+"-"+version+tail, head+"claude-"+family+"-"+dotted+tail)
	}
	return out
}

var geoProfile = regexp.MustCompile(`^(?:us|eu|apac|jp|au|ca|sa|global|us-gov)\.`)

// stripGeo drops Bedrock's inference profile, last of all: a profile with a key of its own may cost more.
func stripGeo(provider string) func(string) []string {
	return func(n string) []string {
		if provider != bedrock {
			return nil
		}
		return []string{geoProfile.ReplaceAllString(n, "")}
	}
}

var bedrockClaude = regexp.MustCompile(`^(?:[a-z-]+\.)?anthropic\.(claude-.+?)(?:-v\d+(?::\d+)?)?$`)

// claudeNames are Anthropic's own names of Claude on another host.
func claudeNames(names []string) []string {
	out := slices.Clone(names)
	for _, n := range names {
		if m := bedrockClaude.FindStringSubmatch(n); m != nil {
			for _, v := range variants(m[1], anthropic) {
				if !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
		}
	}
	return out
}
