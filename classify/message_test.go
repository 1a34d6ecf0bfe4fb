package classify

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

// quoting are messages of libraries around what a user or a model wrote, which stands for %: the form is theirs
// (LangChain, LlamaIndex, DSPy, the AI SDK, pydantic, zod, jsonschema, SQLAlchemy, psycopg, Jackson, serde, PyYAML, Python,
// Go, JavaScript, Elasticsearch, Gemini, axios, OpenAI's and Anthropic's clients), the words are ours.
var quoting = []string{
	`Failed to parse: {"answer": "%"}`, `Failed to parse: {"message": "%", "reason": "%"}`, `Invalid input: %`, `Failed to parse: %`,
	"Could not parse LLM output: `%`", "Could not parse LLM output: %", `Invalid json output: %`, `Invalid json output: {"error": "%"}`,
	`Failed to parse Plan from completion {"reason": "%"}. Got: 1 validation error`, `Failed to parse Plan from completion %. Got: Expecting value`,
	`Got invalid return object. Expected key "score" to be present, but got {'message': '%'}`, `Could not parse function call: '%'`,
	"Function plan arguments:\n\n{\"detail\": \"%\"}\n\nare not valid JSON. Received JSONDecodeError", `Could not parse tool input: {'reason': '%'} because`,
	"Could not extract json string from output: %", `Failed to convert output to JSON: '%'`, `Got invalid JSON object. Got JSON string: %`,
	"Adapter failed to parse the LM response. \n\nLM Response: % \n\nExpected to find output fields", "Invalid JSON: %", "Malformed JSON: %",
	"1 validation error for Answer\nmood\n  Input should be 'good' or 'bad' [type=literal_error, input_value='%', input_type=str]",
	"unexpected value; permitted: 'a', 'b' (type=value_error.const; given=%; permitted=('a', 'b'))",
	"Type validation failed: Value: {\"description\":\"%\"}.\nError message: [{\"message\":\"Required\"}]",
	`{"name":"AI_TypeValidationError","message":"Type validation failed: Value: {\"reason\":\"%\"}."}`,
	`[{"code":"invalid_enum_value","message":"Invalid enum value. Expected 'a' | 'b', received '%'"}]`,
	"'%' is not of type 'integer'\n\nFailed validating 'type' in schema:\n    {'type': 'integer'}\n\nOn instance:\n    '%'",
	"'%' is not one of ['a', 'b']", "'%' is too long", "'%' does not match '^[a-z]+$' - 'messages.0.name'", "'%' is not a valid Mood",
	"(psycopg2.errors.StringDataRightTruncation) value too long\n\n[SQL: insert into t (body) values (%(body)s)]\n[parameters: {'body': '%', 'reason': '%'}]",
	"(psycopg2.errors.StringDataRightTruncation) value too long\n[parameters: ('%', 3)]", "null value in column\nDETAIL:  Failing row contains (1, %, null).",
	"duplicate key value\nDETAIL:  Key (title)=(%) already exists.", "syntax error\nLINE 1: select '%' from t", `syntax error at or near "%"`,
	"Unrecognized token '%': was expecting (JSON String)\n at [Source: (String)\"%\"; line: 1, column: 7]",
	"Cannot deserialize value of type `Mood` from String \"%\": not one of the values", `For input string: "%"`,
	`invalid type: string "%", expected i64 at line 1 column 9`, "unknown variant `%`, expected one of `a`, `b`",
	"while parsing a block mapping\n  in \"<unicode string>\", line 3, column 1:\n    mood: %\n    ^", "invalid literal for int() with base 10: '%'",
	"could not convert string to float: '%'", "Invalid isoformat string: '%'", "time data '%' does not match format", "unconverted data remains: %",
	`strconv.Atoi: parsing "%": invalid syntax`, `parsing time "%" as "2006": cannot parse "%" as "2006"`,
	`Unexpected token 'c', "%" is not valid JSON`, `Unexpected token 'c', "%"... is not valid JSON`,
	"failed to parse field [title] of type [integer]. Preview of field's value: '%'", "Failed to parse query [%]", "no hits for query [%]",
	`Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), "%"`, `{"error":{"message":"bad request"},"output":{"message":"%"}}`,
	`{"error":{"message":"x"},"choices":[{"message":"%","reason":"%"}]}`, `{"error":{"message":"x","input":{"message":"%"},"messages":[{"message":"%"}]}}`,
	`error parsing tool call: raw='{"arguments": {"message":"%"}}', err=invalid character`, `error parsing tool call: raw='%', err=unexpected end`,
	"ChatCompletionMessage(content='%', role='assistant') has no attribute 'x'", "AIMessage(content=\"%\") is not serializable", "User message: %",
	"HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /search?q=% (Caused by x)", "request to https://h/search?q=%&n=1 failed",
	"Human: %\nAssistant: %", "Question: %", "Context: %", "context='%'", "Model returned: %", "Tool returned: %", "The model said: %", "Transcript: %",
	"Command '['curl', '-d', '%', 'http://h']' returned non-zero exit status 1.", "Tool input was: %", "expected yes or no but found '%'",
	"bad answer “%”", "bad answer „%“", "bad answer «%»", "bad answer ‘%’",
}

// leaks are what a message must not hold of quoting's %: a word, several, and text that ends a quotation early.
var leaks = map[string]string{
	"word": "zebrafinch", "sentence": "zebrafinch sings at noon", "apostrophe": "it's the zebrafinch's song, don't tell zebrafinch",
	"mixed quotes": `the "zebrafinch" isn't here`, "line": "first\nzebrafinch", "umlaut": "süße zebrafinch",
}

func TestQuotedTextIsNeverPartOfAMessage(t *testing.T) {
	c := newClassifier(t, Config{})
	for _, form := range quoting {
		for shape, text := range leaks {
			whole := strings.ReplaceAll(form, "%", encoded(form, text))
			for _, ev := range []*schemas.Event{{Kind: schemas.Call, Status: schemas.StatusError}, {Kind: schemas.ExceptionEvent}} {
				s := &schemas.Sensitive{ErrorText: whole}
				if ev.Kind == schemas.ExceptionEvent {
					s = &schemas.Sensitive{Exceptions: []schemas.Exception{{Type: "ValueError", Value: whole}}}
				}
				if c.Classify(ev, s); strings.Contains(ev.Failure.Message, "zebrafinch") {
					t.Errorf("%s in %q: %s: message %q", shape, form, ev.Failure.Reason, ev.Failure.Message)
				}
			}
		}
	}
}

// encoded is text as a program writes it into such a message.
func encoded(form, text string) string {
	switch {
	case strings.Contains(form, "?q="):
		return url.QueryEscape(text)
	case strings.HasPrefix(form, "{") || strings.HasPrefix(form, "["):
		for range 1 + strings.Count(form, `\"%`) {
			b, _ := json.Marshal(text)
			text = string(b[1 : len(b)-1])
		}
	}
	return text
}

// TestQuotedTextThatIsCutOffIsNoPartOfAMessage: a producer that trims its texts trims the closing quote too.
func TestQuotedTextThatIsCutOffIsNoPartOfAMessage(t *testing.T) {
	c := newClassifier(t, Config{})
	for _, form := range quoting {
		head, _, _ := strings.Cut(form, "%")
		s := &schemas.Sensitive{ErrorText: head + "zebrafinch sings at no"}
		ev := &schemas.Event{Kind: schemas.Call, Status: schemas.StatusError}
		if c.Classify(ev, s); strings.Contains(ev.Failure.Message, "zebrafinch") {
			t.Errorf("%q: %s: message %q", form, ev.Failure.Reason, ev.Failure.Message)
		}
	}
}

// TestAMessageStillSaysWhatIsWrong: names, numbers and causes stay.
func TestAMessageStillSaysWhatIsWrong(t *testing.T) {
	c := newClassifier(t, Config{})
	for text, want := range map[string]string{
		"Unsupported parameter: 'max_tokens' is not supported with this model.":         "Unsupported parameter: 'max_tokens' is not supported with this model.",
		"cannot import name 'AI21' from 'langchain.llms'":                               "cannot import name 'AI21' from 'langchain.llms'",
		"'utf-8' codec can't decode byte 0x97 in position 1183: invalid start byte":     "'utf-8' codec can't decode byte 0x97 in position 1183: invalid start byte",
		`relation "data_documents" does not exist`:                                      `relation "data_documents" does not exist`,
		"No object generated: could not parse the response.":                            "No object generated: could not parse the response.",
		"Expecting value: line 1 column 1 (char 0)":                                     "Expecting value: line 1 column 1 (char 0)",
		"the users' rights don't suffice":                                               "the users' rights don't suffice",
		`Answer from API: '{"error":{"message":"the model's quota is used up"}}' (429)`: "Answer from API: the model's quota is used up (429)",
		`{"response":{"status":400,"data":{"error":{"message":"no such deployment"}}}}`: "no such deployment",
		`"Input to PromptTemplate is missing variables"`:                                "Input to PromptTemplate is missing variables",
		`{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]}`:      "MALFORMED_FUNCTION_CALL",
		"429 Rate limit reached for `gpt-4o` on tokens per min (TPM): Limit 1, Used 2.": "429 Rate limit reached for `gpt-4o` on tokens per min (TPM): Limit 1, Used 2.",
	} {
		ev, s := failedCall(text)
		if c.Classify(ev, s); ev.Failure.Message != want {
			t.Errorf("%q: message %q, want %q", text, ev.Failure.Message, want)
		}
	}
}

// TestWhatStandsBetweenQuotesAndIsNoNameGoes holds for any text around it.
func TestWhatStandsBetweenQuotesAndIsNoNameGoes(t *testing.T) {
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "model", "it's", "(", ")", ",", "don't", "x=1", "é", "\n", "users'"}), 0, 6)
	rapid.Check(t, func(t *rapid.T) {
		mark := rapid.SampledFrom([]string{`"%"`, `'%'`, "`%`", "“%”"}).Draw(t, "mark")
		before, after := strings.Join(words.Draw(t, "before"), " "), strings.Join(words.Draw(t, "after"), " ")
		if strings.Contains(before, "users'") && strings.HasPrefix(mark, "'") {
			before = "" // the apostrophe behind a word that has one open before it cannot be told from a quote
		}
		text := before + " " + strings.Replace(mark, "%", "zebrafinch sings", 1) + " " + after
		if got := withoutQuotes(text, rapid.Bool().Draw(t, "strict")); strings.Contains(got, "zebrafinch") {
			t.Fatalf("withoutQuotes(%q) = %q", text, got)
		}
	})
}
