package traffic

import "strings"

// fault is one way to fail, as an SDK meets it. Texts are those of the providers and libraries, with invented figures.
type fault struct {
	cause Cause
	// status is the HTTP status of the answer, 0 when there was none.
	status int
	// kind and code are the provider's words in the body: type and code with OpenAI, type with Anthropic.
	kind, code string
	text       string
	// class and module name the exception as Python knows it; Node reports every one of them as "Error".
	class, module string
}

func api(reason string) Cause     { return Cause{"api_error", reason} }
func parsing(reason string) Cause { return Cause{"parsing_error", reason} }
func ofModel(reason string) Cause { return Cause{"model_error", reason} }
func data(reason string) Cause    { return Cause{"data_error", reason} }
func system(reason string) Cause  { return Cause{"system_error", reason} }

// rateLimit is what the provider of the incident answers.
func rateLimit() fault {
	return fault{api("rate_limit"), 429, "rate_limit_error", "",
		"This request would exceed your organization's rate limit of 400,000 input tokens per minute. Please reduce the prompt length or try again later.",
		"RateLimitError", "anthropic"}
}

// faultsOf is how calls to a provider fail on an ordinary day.
func faultsOf(provider string) []fault {
	switch provider {
	case "anthropic":
		return []fault{
			rateLimit(),
			{api("overloaded"), 529, "overloaded_error", "", "Overloaded", "OverloadedError", "anthropic"},
			{ofModel("context_length_exceeded"), 400, "invalid_request_error", "", "prompt is too long: 213462 tokens > 200000 maximum", "BadRequestError", "anthropic"},
			{api("authentication"), 401, "authentication_error", "", "invalid x-api-key", "AuthenticationError", "anthropic"},
		}
	case "gemini":
		return []fault{
			{api("overloaded"), 503, "UNAVAILABLE", "503", "The model is overloaded. Please try again later.", "ServerError", "google.genai.errors"},
			{api("rate_limit"), 429, "RESOURCE_EXHAUSTED", "429", "Resource has been exhausted: quota exceeded for metric generate_content_requests_per_minute. Please retry in 27s.", "ClientError", "google.genai.errors"},
		}
	case "mistral":
		return []fault{
			{api("rate_limit"), 429, "rate_limited", "1300", "Rate limit exceeded", "SDKError", "mistralai.models.sdkerror"},
			{api("server_error"), 500, "internal_server_error", "3000", "Internal server error", "SDKError", "mistralai.models.sdkerror"},
		}
	case "azure":
		return []fault{
			{api("content_policy"), 400, "invalid_request_error", "content_filter", "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.", "BadRequestError", "openai"},
			{api("rate_limit"), 429, "requests", "rate_limit_exceeded", "Requests to the ChatCompletions_Create Operation have exceeded call rate limit of your current pricing tier. Please retry after 6 seconds.", "RateLimitError", "openai"},
		}
	}
	return []fault{
		{api("rate_limit"), 429, "tokens", "rate_limit_exceeded", "Rate limit reached for %MODEL% in organization org-demo on tokens per min (TPM): Limit 200000, Used 198530, Requested 3200. Please try again in 519ms.", "RateLimitError", "openai"},
		{api("insufficient_quota"), 429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.", "RateLimitError", "openai"},
		{api("authentication"), 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: " + Secret + ". You can find your API key at https://platform.openai.com/account/api-keys.", "AuthenticationError", "openai"},
		{api("server_error"), 500, "server_error", "", "The server had an error while processing your request. Sorry about that!", "InternalServerError", "openai"},
		{api("timeout"), 0, "", "", "Request timed out.", "APITimeoutError", "openai"},
		{ofModel("context_length_exceeded"), 400, "invalid_request_error", "context_length_exceeded", "This model's maximum context length is 128000 tokens. However, your messages resulted in 130321 tokens. Please reduce the length of the messages.", "BadRequestError", "openai"},
		{ofModel("unsupported_parameter"), 400, "invalid_request_error", "unsupported_parameter", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "BadRequestError", "openai"},
	}
}

// unparsable is how an application fails with an answer that it got: the call went well.
func unparsable() []fault {
	return []fault{
		{cause: parsing("invalid_json"), text: "Expecting value: line 1 column 1 (char 0)", class: "JSONDecodeError", module: "json.decoder"},
		{cause: parsing("truncated_json"), text: "Unterminated string starting at: line 12 column 18 (char 2047)", class: "JSONDecodeError", module: "json.decoder"},
		{cause: parsing("invalid_json"), text: "Invalid json output: Here is the summary that you asked for:", class: "OutputParserException", module: "langchain_core.exceptions"},
	}
}

// broken is how applications fail without any call.
func broken() []fault {
	return []fault{
		{cause: data("collection_not_found"), text: `relation "kb_chunks_2026" does not exist`, class: "UndefinedTable", module: "psycopg2.errors"},
		{cause: data("dimension_mismatch"), text: "expected 1536 dimensions, not 768", class: "DataException", module: "psycopg.errors"},
		{cause: data("store_conflict"), text: "deadlock detected\nDETAIL:  Process 25534 waits for ShareLock on transaction 1820417; blocked by process 25531.", class: "DeadlockDetected", module: "psycopg2.errors"},
		{cause: system("file_not_found"), text: "[Errno 2] No such file or directory: 'prompts/support_answer.txt'", class: "FileNotFoundError", module: "builtins"},
		{cause: system("disk_full"), text: "[Errno 28] No space left on device", class: "OSError", module: "builtins"},
	}
}

// message is the text as the provider writes it for one model.
func (f fault) message(m model) string { return strings.ReplaceAll(f.text, "%MODEL%", m.name) }
