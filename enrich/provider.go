package enrich

import "strings"

// The names of providers that the code decides by; they are the price book's (LiteLLM's) words.
const (
	openAI     = "openai"
	azure      = "azure"
	azureAI    = "azure_ai"
	anthropic  = "anthropic"
	gemini     = "gemini"
	vertexAI   = "vertex_ai"
	bedrock    = "bedrock"
	openRouter = "openrouter"
	gateway    = "gateway" // Vercel's AI gateway
	xAI        = "xai"
	perplexity = "perplexity"
	cohere     = "cohere"
)

// providerNames are the other names under which producers send a provider: SDKs, OpenTelemetry's gen_ai.provider.name,
// vendors' prefixes of model names. Only whole names count: "my-anthro" is not Anthropic.
var providerNames = map[string]string{
	"azure_openai": azure, "azure-openai": azure, "azureopenai": azure, "azure openai": azure, "azure.ai.openai": azure,
	"az.ai.openai": azure, "azure_text": azure,
	"azure.ai.inference": azureAI, "az.ai.inference": azureAI, "azure-ai": azureAI, "azure_ai_foundry": azureAI,
	"google": gemini, "googleai": gemini, "google_ai": gemini, "google-ai": gemini, "google-ai-studio": gemini,
	"google_ai_studio": gemini, "google-genai": gemini, "google_genai": gemini, "google_generative_ai": gemini,
	"google-generative-ai": gemini, "google.generative-ai": gemini, "gcp.gemini": gemini, "gcp.gen_ai": gemini,
	"vertex": vertexAI, "vertexai": vertexAI, "vertex-ai": vertexAI, "google-vertex": vertexAI, "google_vertex": vertexAI,
	"google-vertexai": vertexAI, "google_vertexai": vertexAI, "gcp.vertex_ai": vertexAI, "google.vertex": vertexAI,
	"aws-bedrock": bedrock, "aws_bedrock": bedrock, "amazon-bedrock": bedrock, "amazon_bedrock": bedrock,
	"aws.bedrock": bedrock, "bedrock_converse": bedrock, "amazon": bedrock, "aws": bedrock,
	"x_ai": xAI, "x-ai": xAI, "grok": xAI,
	"mistralai": "mistral", "mistral_ai": "mistral", "mistral-ai": "mistral",
	"cohere_chat": cohere,
	"deepseek-ai": "deepseek",
	"together":    "together_ai", "togetherai": "together_ai", "together-ai": "together_ai", "together.ai": "together_ai",
	"fireworks": "fireworks_ai", "fireworksai": "fireworks_ai", "fireworks-ai": "fireworks_ai", "fireworks.ai": "fireworks_ai",
	"perplexityai": perplexity, "perplexity-ai": perplexity,
	"alibaba": "dashscope", "alibaba_cloud": "dashscope", "qwen": "dashscope",
	"moonshotai": "moonshot", "moonshot_ai": "moonshot", "z-ai": "zai",
	"vercel_ai_gateway": gateway, "vercel-ai-gateway": gateway, "vercel": gateway,
	"text-completion-openai": openAI, "openai_chat": openAI, "openai-chat": openAI,
}

// canonical is the provider that a name stands for: its one spelling, cut after the first dot ("openai.chat" is how
// Vercel's SDK names OpenAI on a failure).
func canonical(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if p, ok := providerNames[name]; ok {
		return p
	}
	if head, _, ok := strings.Cut(name, "."); ok && head != "" {
		if p, ok := providerNames[head]; ok {
			return p
		}
		return head
	}
	return name
}

// hosts are the endpoints that say who answers, whatever the producer's SDK is called: OpenAI's SDK reaches most of them.
var hosts = []struct{ suffix, provider string }{
	{"openrouter.ai", openRouter}, {"api.openai.com", openAI}, {"openai.azure.com", azure},
	{"services.ai.azure.com", azureAI}, {"api.anthropic.com", anthropic}, {"generativelanguage.googleapis.com", gemini},
	{"aiplatform.googleapis.com", vertexAI}, {"api.x.ai", xAI}, {"api.groq.com", "groq"}, {"api.deepseek.com", "deepseek"},
	{"api.mistral.ai", "mistral"}, {"api.perplexity.ai", perplexity}, {"api.together.xyz", "together_ai"},
	{"api.together.ai", "together_ai"}, {"api.fireworks.ai", "fireworks_ai"}, {"ai-gateway.vercel.sh", gateway},
	{"api.cohere.com", cohere}, {"api.cohere.ai", cohere}, {"dashscope.aliyuncs.com", "dashscope"},
	{"dashscope-intl.aliyuncs.com", "dashscope"},
}

// hostProvider is the provider behind a host, "" when the host does not tell.
func hostProvider(host string) string {
	for _, h := range hosts {
		rest, ok := strings.CutSuffix(host, h.suffix)
		if ok && (rest == "" || strings.HasSuffix(rest, ".") || strings.HasSuffix(rest, "-")) {
			return h.provider
		}
	}
	if strings.HasPrefix(host, "bedrock-runtime.") && strings.HasSuffix(host, ".amazonaws.com") {
		return bedrock
	}
	return ""
}

// openAIWire are the providers that answer in OpenAI's format, whose input counts include the cache (cost.md §4).
var openAIWire = map[string]bool{
	openAI: true, azure: true, azureAI: true, openRouter: true, xAI: true, "groq": true, "mistral": true, "deepseek": true,
	"fireworks_ai": true, "together_ai": true, "dashscope": true, perplexity: true,
}

// scope is where the prices of one provider stand in the book.
type scope struct {
	provider string
	// prefixes go before the model; "" is a bare key, which counts only when its record is of the provider.
	prefixes []string
}

func scopeOf(provider string) scope {
	switch provider {
	case openAI, anthropic, bedrock, cohere:
		return scope{provider, []string{"", provider + "/"}}
	case gateway:
		return scope{provider, nil} // it bills its vendors' list prices: the vendor's prefix decides
	}
	return scope{provider, []string{provider + "/", ""}}
}

// owns tells whether a record's litellm_provider is this provider: "vertex_ai-language-models" is Vertex.
func (s scope) owns(record string) bool {
	if canonical(record) == s.provider {
		return true
	}
	rest, ok := strings.CutPrefix(record, s.provider)
	return ok && s.provider != azure && (rest == "" || rest[0] == '-' || rest[0] == '_')
}

// resellers bill a vendor's list price for a model that has none under their own name (cost.md §5).
func resellers(provider string) bool {
	switch provider {
	case "", openAI, anthropic, azure, gemini, vertexAI, bedrock, openRouter, gateway:
		return true
	}
	return false
}
