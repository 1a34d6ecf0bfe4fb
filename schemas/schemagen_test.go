package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"testing"
)

type object = map[string]any

// The types that a property can have, as JSON Schema says them.
var (
	anyText     = object{"type": []string{"string", "null"}}
	anyID       = object{"type": []string{"string", "number", "boolean", "null"}}
	anyTruth    = object{"enum": []any{true, false, nil}}
	anyCode     = object{"type": []string{"string", "null"}, "pattern": `^[A-Za-z0-9_.-]*$`}
	anyWord     = object{"type": []string{"string", "null"}, "pattern": `^[A-Za-z0-9_.-]{1,32}$`}
	anyNumber   = object{"type": []string{"number", "null"}}
	anyStatus   = object{"enum": []any{"success", "error", "timeout", "blocked", "validation_failed", nil}}
	anyFeedback = object{"enum": []any{"positive", "negative", "neutral", "", nil}}
	anyThing    = object{}
)

// amount is a number from 0 to most, as a JSON number or as text with nothing else in it.
func amount(most float64) object { return ranged("number", most, `(\.[0-9]{1,18})?$`) }

// wholes is the same without decimals.
func wholes(most float64) object { return ranged("integer", most, `$`) }

func ranged(kind string, most float64, decimals string) object {
	return object{"anyOf": []object{
		{"type": []string{kind, "null"}, "minimum": 0, "maximum": most},
		{"type": "string", "pattern": fmt.Sprintf(`^(0|[1-9][0-9]{0,%d})`, int(math.Log10(most+1))-1) + decimals},
	}}
}

func count() object { return amount(9.2e18) }

// said is what a property means to us, in a producer's words; propertyDocs must name every field.
type said struct {
	schema object
	text   string
}

func propertyDocs() map[field]said {
	docs := map[field]said{
		fTrace: {anyID, "Joins a call with its exceptions and outcomes."}, fTraceOther: {anyID, "The same, under the names that others use."},
		fSpan: {anyID, "Id of this step in its trace."}, fParent: {anyID, "Id of the step that this one belongs to."},
		fRequest: {anyID, "Id of the request to the model."}, fSession: {anyID, "Id of the conversation."},
		fExceptionEvent: {anyID, "uuid of the $exception event that this failed call raised."},
		fUserID:         {anyThing, "Id of the user, if distinct_id is none; only ever hashed."},
		fDistinctID:     {anyThing, "Id of the user, for captures that put it inside of the properties; only ever hashed."},
		fPersonProfile:  {anyTruth, "false marks an anonymous event."},

		fEnvironment: {anyText, "production, staging, development."}, fService: {anyText, "Name of the sending application."},
		fProvider: {anyText, "Who serves the model."}, fModel: {anyText, "The model as it was asked for."},
		fOperation:  {anyText, "chat, completion, embedding, rerank, image, audio, other."},
		fPromptName: {anyText, "Stable name of the prompt."}, fPromptVersion: {anyID, "Immutable version of the prompt."},
		fPromptHash: {anyText, "Hash of the prompt."}, fTaskType: {anyText, "The workflow, for example support_reply."},
		fFlag: {anyText, "Name of the feature flag that chose the variant; $feature/NAME says the same."}, fVariant: {anyID, "Variant of that flag."},
		fAgentConfig: {anyText, "Version of the agent's configuration."}, fStep: {anyText, "Step of the agent."},
		fSpanName: {anyText, "Name of the step."}, fTool: {anyText, "Tool that was called."},
		fOutputCategory: {anyText, "What kind of answer it was."}, fTraceURL: {anyText, "Where an engineer can read the trace."},
		fInputBucket:  {anyText, "Length of the prompt, for example 1k_2k_tokens; used only without token counts."},
		fOutputBucket: {anyText, "Length of the answer, likewise."},
		fInput:        {anyThing, "The model's input. Never stored; hashed if a key is configured."},

		fStatus: {anyStatus, "How the request ended."}, fIsError: {anyTruth, "Whether the call failed."},
		fStopReason: {anyText, "Why the model stopped."}, fServiceTier: {anyText, "Service tier that was served."},
		fHTTPStatus: {wholes(999), "HTTP status as the client saw it; 0 is none."}, fAttempt: {wholes(1 << 31), "Number of this try."},
		fFinal: {anyTruth, "false if another try followed."}, fRetrying: {anyTruth, "true if another try followed."},
		fRetryCount: {wholes(1 << 31), "How many further tries there were."},
		fLatency:    {amount(86400), "How long the call took: seconds from an SDK, see the topic's latency_unit for what was sent by hand."},
		fLatencyMS:  {amount(86400000), "How long the call took, in milliseconds."},
		fTTFT:       {amount(86400), "Seconds to the first token of a stream."}, fTTFTMS: {amount(86400000), "The same in milliseconds."},
		fLib: {anyText, "SDK that sent the event."}, fTokensSource: {anyText, "Where the counts come from."},
		fFramework: {anyText, "langchain, vercel, litellm: what stands between application and provider."},
		fIngestion: {anyText, "otel if PostHog took the event in as OpenTelemetry; its time is then that of the start."},

		fError: {anyThing, "What went wrong. Never stored as sent."}, fErrorMessage: {anyText, "The same."}, fErrorDetails: {anyThing, "The same."},
		fErrorType: {anyText, "Class of the error."}, fErrorCode: {anyID, "Code of the provider or HTTP status."},
		fErrorCategory: {anyText, "api_error, parsing_error, data_error, model_error, system_error, as the sender sees it."},
		fStage:         {anyText, "Where it failed, for example response_processing."},
		fExceptionList: {object{"type": []string{"array", "null"}}, "The captured exception and then its causes."},
		fExceptionType: {anyText, "Class of the exception, from older SDKs."}, fExceptionMessage: {anyText, "Message of the exception, from older SDKs."},
		fFingerprint: {anyThing, "The sender's own group of the exception."},

		fTaskCompleted: {anyTruth, "Whether the task was done."}, fAccepted: {anyTruth, "Whether the user took the output."},
		fEdited: {anyTruth, "Whether the user changed it first."}, fEscalated: {anyTruth, "Whether a human had to step in."},
		fResolved: {anyTruth, "Whether the case is resolved."}, fAbandoned: {anyTruth, "Whether the user gave up."},
		fUserFeedback: {anyFeedback, "The user's rating."}, fEvalName: {anyText, "Name of the check."}, fEvalPassed: {anyTruth, "Its verdict."},
		fEvalScore: {amount(100), "Its score, 0 to 1 or 0 to 100."}, fEvalReason: {anyCode, "Its reason, a slug."},
		fEvalNumeric: {anyNumber, "A judge's number."}, fEvalMin: {anyNumber, "Least value of it."}, fEvalMax: {anyNumber, "Greatest value of it."},
		fEvalApplicable: {anyTruth, "false if the check did not apply."}, fSatisfaction: {anyNumber, "Score that the customer gave."},
		fRevenue: {anyNumber, "Revenue of this outcome."}, fSecondsToSend: {anyNumber, "Seconds until the reply was sent."},
		fMetricName: {anyText, "Name of a metric."}, fMetricValue: {anyID, "Its value, mostly as text."},

		fInputTokens: {count(), "Tokens of the prompt."}, fOutputTokens: {count(), "Tokens of the answer."},
		fCacheRead: {count(), "Tokens of the prompt that were read from the provider's cache."}, fCacheWrite: {count(), "Tokens written to it."},
		fCacheWrite5m: {count(), "Of those, the ones kept for 5 minutes."}, fCacheWrite1h: {count(), "Of those, the ones kept for an hour."},
		fReasoning: {count(), "Tokens that the model thought with."}, fCacheExclusive: {anyTruth, "true if input_tokens leaves cached tokens out."},
		fBaseURL: {anyText, "URL of the API; only its host is kept."}, fCacheHit: {anyTruth, "true if the application's own cache answered, at no cost."},
		fUsage: {object{"type": []string{"object", "null"}}, "The provider's raw usage object."}, fEstimatedCost: {count(), "The sender's estimate, in US dollars."},
	}
	for i, name := range extraNames {
		s := said{count(), "Input of the cost engine: " + name + "."}
		if wordy(name) {
			s.schema = anyWord
		}
		docs[fExtra+field(i)] = s
	}
	return docs
}

const generatedBy = "Generated by go test ./schemas -run Published -update. Do not edit."

// schemaFile is one published file.
func schemaFile(title string, body object) []byte {
	all := object{"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": generatedBy, "title": title, "type": "object"}
	maps.Copy(all, body)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// publishedSchemas is what the files in jsonschema should say.
func publishedSchemas(t *testing.T) map[string][]byte {
	docs := propertyDocs()
	props := object{}
	for _, n := range propertyNames {
		doc, ok := docs[n.field]
		if !ok {
			t.Fatalf("%s has no description", n.name)
		}
		p := object{"description": doc.text}
		maps.Copy(p, doc.schema)
		props[n.name] = p
	}
	stamp := object{"type": "string", "description": "RFC 3339, or ClickHouse's form of it in UTC; of a call when it ended.",
		"pattern": `^(19[7-9]|20[0-9]|21[0-9])[0-9]-[0-1][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-][0-2][0-9]:?[0-5][0-9])?$`}
	id := object{"type": []string{"string", "number"}, "minLength": 1, "description": "Id of the event: a second one with it is a duplicate."}
	ifException := object{"properties": object{"event": object{"const": "$exception"}}}
	event := object{
		"description": "One event of PostHog's SDKs or of the analytics article.",
		"required":    []string{"event", "properties"},
		"properties": object{
			"event": object{"type": "string", "minLength": 1}, "uuid": id, "timestamp": stamp, "distinct_id": object{},
			"properties": object{"type": "object", "maxProperties": MaxKeys, "properties": props},
		},
		"if":   ifException,
		"then": object{"properties": object{"properties": object{"$ref": "#/$defs/exception"}}},
		"$defs": object{"exception": object{"description": "The properties of an $exception.", "anyOf": []object{
			{"required": []string{"$exception_list"}, "properties": object{"$exception_list": object{"type": "array", "contains": object{"type": "object"}}}},
			{"required": []string{"$exception_type"}, "properties": object{"$exception_type": object{"type": "string", "minLength": 1}}, "not": object{"required": []string{"$exception_list"}}},
		}}},
	}
	batch := func(key string) object {
		return object{"required": []string{"batch", key}, "properties": object{"batch": object{"type": "array", "maxItems": MaxEvents, "items": object{"$ref": "posthog_event.json"}}}}
	}
	return map[string][]byte{
		"posthog_event.json":    schemaFile("posthog_event", event),
		"posthog_batch.json":    schemaFile("posthog_batch", batch("api_key")),
		"posthog_v1_batch.json": schemaFile("posthog_v1_batch", batch("created_at")),
		"posthog_capture.json": schemaFile("posthog_capture", object{
			"description": "A value of PostHog's topics events_plugin_ingestion, events_plugin_ingestion_ai and exceptions_ingestion.",
			"required":    []string{"token", "now", "data"},
			"properties": object{"uuid": id, "timestamp": stamp, "data": object{"type": "string", "description": "JSON text of an event.",
				"contentMediaType": "application/json", "contentSchema": object{"$ref": "posthog_event.json"}}},
		}),
		"posthog_clickhouse.json": schemaFile("posthog_clickhouse", object{
			"description": "A row of PostHog's topics clickhouse_events_json and clickhouse_ai_events_json.",
			"required":    []string{"event", "team_id", "properties"},
			"if":          ifException,
			"then": object{"properties": object{"properties": object{"contentMediaType": "application/json",
				"contentSchema": object{"$ref": "posthog_event.json#/$defs/exception"}}}},
			"properties": object{"event": object{"type": "string", "minLength": 1}, "uuid": id, "timestamp": stamp,
				"properties": object{"type": "string", "description": "JSON text of the event's properties.", "contentMediaType": "application/json",
					"contentSchema": object{"$ref": "posthog_event.json#/properties/properties"}}},
		}),
	}
}

func TestPublishedSchemasAreCurrent(t *testing.T) {
	want := publishedSchemas(t)
	if *update {
		for name, body := range want {
			if err := os.WriteFile("jsonschema/"+name, body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := JSONSchemas()
	for name, body := range want {
		file, err := os.ReadFile("jsonschema/" + name)
		if err != nil || !bytes.Equal(file, body) {
			t.Errorf("%s is not current (%v): go test -run Published -update rewrites it", name, err)
		}
		if !*update && !bytes.Equal(got[name], body) {
			t.Errorf("%s is embedded in an older state", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files are embedded, want %d", len(got), len(want))
	}
}
