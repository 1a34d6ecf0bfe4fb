package schemas

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// compiledSchemas is the published schemas by format, with the JSON text in data and properties checked too.
func compiledSchemas(t *testing.T) map[Format]*jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertContent()
	for name, body := range JSONSchemas() {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("mem:///"+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	out := map[Format]*jsonschema.Schema{}
	for name := range JSONSchemas() {
		s, err := c.Compile("mem:///" + name)
		if err != nil {
			t.Fatal(err)
		}
		out[Format(strings.TrimSuffix(name, ".json"))] = s
	}
	return out
}

func instance(t interface{ Fatal(...any) }, value []byte) any {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryFormatHasAPublishedSchema(t *testing.T) {
	schemas := compiledSchemas(t)
	for _, f := range knownFormats() {
		if schemas[f.name] == nil {
			t.Errorf("%s has none", f.name)
		}
	}
}

func TestCapturedRecordsSatisfyThePublishedSchemas(t *testing.T) {
	schemas := compiledSchemas(t)
	for i, c := range capturedRecords(t) {
		if err := schemas[c.Format].Validate(instance(t, c.Value)); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

// What a schema accepts is decoded without a reject and without an unusable number; what is Malformed, or of the wrong
// shape, a schema refuses.
func TestDecoderAndPublishedSchemasAgree(t *testing.T) {
	schemas := compiledSchemas(t)
	names := make([]string, 0, len(propertyNames))
	for _, n := range propertyNames {
		if n.rank == 0 { // one name a field: which of several wins is no matter of a schema
			names = append(names, n.name)
		}
	}
	value := rapid.SampledFrom([]string{
		"null", "true", "0", "7", "2.5", "-1", "1e3", "99999999999", "9223372036854775808", `""`, `"12"`, `"0012"`, `"12.5"`, `"text"`, `"two words"`,
		`"0x10"`, `{}`, `{"a":1}`, `[]`, `[{}]`, `[1]`, `"success"`, `"positive"`, `"standard"`, "false", "200",
	})
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var props []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 5, rapid.ID).Draw(t, "names") {
			props = append(props, jsonText(name)+":"+value.Draw(t, name))
		}
		properties := rapid.SampledFrom([]string{"{" + strings.Join(props, ",") + "}", "{" + strings.Join(props, ",") + "}", "[]", "null", `"x"`}).Draw(t, "properties")
		event := rapid.SampledFrom([]string{`"$ai_generation"`, `"$exception"`, `"llm_request_completed"`, `"$ai_evaluation"`, `""`, "5"}).Draw(t, "event")
		stamp := rapid.SampledFrom([]string{`"2026-11-22T02:23:57.017Z"`, `"2026-11-22 02:23:57"`, `"soon"`, `"9999-01-01T00:00:00Z"`}).Draw(t, "timestamp")
		inner := `{"event":` + event + `,"properties":` + properties + `,"timestamp":` + stamp + `,"uuid":"u1"}`
		for format, wrapped := range map[Format]string{
			FormatPostHogEvent:      inner,
			FormatPostHogBatch:      `{"api_key":"k","batch":[` + inner + `]}`,
			FormatPostHogV1Batch:    `{"created_at":"x","batch":[` + inner + `]}`,
			FormatPostHogCapture:    `{"token":"t","now":"n","data":` + jsonText(inner) + `}`,
			FormatPostHogClickHouse: `{"event":` + event + `,"team_id":2,"properties":` + jsonText(properties) + `,"timestamp":` + stamp + `,"uuid":"u1"}`,
		} {
			err := schemas[format].Validate(instance(t, []byte(wrapped)))
			res := decodeValue(wrapped)
			switch {
			case err != nil:
				refused++
			case res.Reject != "" || res.Format != format:
				t.Fatalf("the schema accepts what is rejected as %q (format %q): %s", res.Reject, res.Format, wrapped)
			default:
				accepted++
				checkUsable(t, res, wrapped)
			}
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused: nothing was compared", accepted, refused)
	}
}

// checkUsable holds that every event of a result has a time of its own and no number that could not be used.
func checkUsable(t interface{ Fatalf(string, ...any) }, res *Result, value string) {
	for _, e := range res.Events {
		u := e.Event.Usage
		for _, c := range []Count{u.InputTokens, u.OutputTokens, u.CacheReadTokens, u.CacheWriteTokens, u.CacheWrite5mTokens, u.CacheWrite1hTokens, u.ReasoningTokens} {
			if c.State == CountInvalid {
				t.Fatalf("the schema accepts an unusable count: %s", value)
			}
		}
		for _, in := range u.Extra {
			if in.Value == InvalidInput && !strings.HasPrefix(in.Key, UsagePrefix) {
				t.Fatalf("the schema accepts an unusable %s: %s", in.Key, value)
			}
		}
		if e.Event.Warnings&WarnBadTime != 0 {
			t.Fatalf("the schema accepts a time that is none: %s", value)
		}
	}
}
