package enrich

import (
	"regexp"
	"strings"
)

var (
	bedrockName    = regexp.MustCompile(`^(?:(?:us|eu|apac|jp|au|ca|sa|global|us-gov)\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|stability|writer)\.(.+)$`)
	bedrockVersion = regexp.MustCompile(`-v\d+(?::\d+)*$`)
)

// displayModel is the name of a model as a dimension: without what only says where or when it was made, so that one model is
// one line of a chart. Vendor, region, date, -latest, fine-tune owner and spelling go; the price is looked up by the raw name.
func displayModel(model string) string {
	n := model
	if base, ok := fineTuneBase(n); ok {
		n = base
	} else {
		n = n[strings.LastIndexByte(n, '/')+1:]
	}
	if m := bedrockName.FindStringSubmatch(n); m != nil {
		n = bedrockVersion.ReplaceAllString(m[1], "")
	}
	n = strings.TrimSuffix(n, "[1m]")
	if forms := dateForms(n); forms != nil {
		n = forms[len(forms)-1]
	}
	n = strings.TrimSuffix(n, "-latest")
	if v := gpt35(n); v != nil {
		n = v[0]
	}
	if n == "" {
		return model
	}
	return displayClaude(n)
}

// displayClaude writes Claude's version in Anthropic's own way: claude-3-5-sonnet, claude-sonnet-4-5.
func displayClaude(n string) string {
	n = claudeDotted.ReplaceAllString(n, "$1-$2")
	m := claudeVersionEnd.FindStringSubmatch(n)
	if m == nil || m[1] < "4" { // up to 3 the version came before the family
		return n
	}
	version := m[1]
	if m[2] != "" {
		version += "-" + m[2]
	}
	return strings.Replace(n, m[0], "claude-"+m[3]+"-"+version, 1)
}
