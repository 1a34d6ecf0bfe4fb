package pipeline

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

// canaries hands out words, each for one place of one record, and knows afterwards where a word came from. They are made of
// letters, because a redactor takes what has digits for a key.
type canaries struct{ planted map[string]origin }

// origin is where a word was planted: in which kind of record, in which field of it, and how.
type origin struct{ kind, field, style string }

const canary = "canary"

func (c *canaries) word(kind, path, style string) string {
	n := len(c.planted)
	tail := make([]byte, 5)
	for i := range tail {
		tail[i], n = 'a'+byte(n%26), n/26
	}
	w := canary + string(tail)
	c.planted[w] = origin{kind, field.ReplaceAllString(path, ""), style}
	return w
}

// field cuts off what the envelopes put before the name of a property.
var field = regexp.MustCompile(`^.*\.properties!?\.`)

// style is a way to put a word where a text was.
type style struct {
	name  string
	plant func(old, word string) string
}

func styles() []style {
	alone := style{"alone", func(_, word string) string { return word }}
	if testing.Short() { // under the race detector, which looks for something else
		return []style{alone}
	}
	return []style{
		alone,
		{"added", func(old, word string) string { return strings.TrimSpace(old + " " + word) }},
		{"glued", func(old, word string) string { return old + word }},
		{"quoted", func(_, word string) string {
			return `Failed to parse: {"answer": "` + word + `"}, got '` + word + ` x'`
		}},
		{"url", func(_, word string) string { return "https://host.example/a?q=" + word }},
		{"base64", func(_, word string) string {
			return "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(word+" and more"))
		}},
	}
}

// visit rebuilds a JSON value: every scalar is what leaf makes of it, every object what object does to it. A text that is
// JSON itself is walked too.
func visit(v any, path string, leaf func(path string, v any) any, object func(path string, o map[string]any)) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = visit(x, path+"."+k, leaf, object)
		}
		object(path, out)
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = visit(x, path+"[]", leaf, object)
		}
		return out
	case string:
		if inner, ok := asJSON(v); ok {
			return string(encoded(visit(inner, path+"!", leaf, object)))
		}
	}
	return leaf(path, v)
}

func asJSON(text string) (any, bool) {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	return v, d.Decode(&v) == nil
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON a moment ago
	}
	return text
}

// planter makes, out of records, one for each place and style that no earlier record had: one canary in each.
type planter struct {
	canaries
	seen   map[string]bool
	groups int
	out    []*kgo.Record
}

func newPlanter() *planter {
	return &planter{canaries: canaries{map[string]origin{}}, seen: map[string]bool{}}
}

func (p *planter) first(place string) bool {
	if p.seen[place] {
		return false
	}
	p.seen[place] = true
	return true
}

func (p *planter) record(rec *kgo.Record) {
	v, ok := asJSON(string(rec.Value))
	if !ok {
		return
	}
	kind := kindOf(v)
	leaves, objects := map[string]bool{}, map[string]bool{}
	visit(v, "", func(path string, v any) any {
		_, isText := v.(string)
		leaves[path] = leaves[path] || isText
		return v
	}, func(path string, _ map[string]any) { objects[path] = true })
	for _, s := range styles() {
		for _, path := range slices.Sorted(maps.Keys(leaves)) {
			if s.name != "alone" && !leaves[path] || !p.first(kind+path+s.name) {
				continue // a number or a truth can only be replaced
			}
			word := p.word(kind, path, s.name)
			p.add(rec, v, func(at string, old any) (any, bool) { return s.plant(fmt.Sprint(old), word), at == path }, nil)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(objects)) {
		if p.first(kind + path + "{}") {
			text, number := p.word(kind, path+".{}", "key"), p.word(kind, path+".{}", "key")
			p.add(rec, v, nil, func(at string, o map[string]any) {
				if at == path {
					o[text], o[number] = text, 1
				}
			})
		}
	}
	p.around(rec, v, kind)
}

// properties is where an event's properties are.
var properties = regexp.MustCompile(`properties!?$`)

// ownGroup makes a failure one of a group of its own: a group shows the message of one of its events only, and a word in
// another's would not be seen.
func ownGroup(props map[string]any, group string) {
	if _, ok := props["$exception_fingerprint"]; !ok {
		props["$exception_fingerprint"] = group
	}
	name := "error_type"
	if _, ok := props["$ai_error_type"]; ok && props[name] == nil {
		name = "$ai_error_type"
	}
	switch class := props[name].(type) {
	case nil:
		props[name] = group + ".Error"
	case string:
		if !strings.Contains(class, canary) {
			props[name] = group + "." + class
		}
	}
}

// group is a name of letters that no other call gave.
func (p *planter) group() string {
	p.groups++
	name := make([]byte, 5)
	for i, n := 0, p.groups; i < len(name); i++ {
		name[i], n = 'a'+byte(n%26), n/26
	}
	return string(name)
}

// add appends a copy of rec with an id and a group of its own.
func (p *planter) add(rec *kgo.Record, v any, leaf func(string, any) (any, bool), object func(string, map[string]any)) {
	id, group := uuid.NewString(), p.group()
	made := visit(v, "", func(path string, v any) any {
		if leaf != nil {
			if planted, here := leaf(path, v); here {
				return planted
			}
		}
		if strings.HasSuffix(path, "uuid") && v != nil {
			return id
		}
		return v
	}, func(path string, o map[string]any) {
		if properties.MatchString(path) {
			ownGroup(o, group)
		}
		if object != nil {
			object(path, o)
		}
	})
	out := &kgo.Record{Topic: rec.Topic, Key: rec.Key, Value: encoded(made), Headers: slices.Clone(rec.Headers)}
	for i := range out.Headers {
		if out.Headers[i].Key == "uuid" {
			out.Headers[i].Value = []byte(id)
		}
	}
	p.out = append(p.out, out)
}

// around plants in what is around a value: the key, and the headers' names and values.
func (p *planter) around(rec *kgo.Record, v any, kind string) {
	if p.first(kind + " record key") {
		p.add(rec, v, nil, nil)
		p.out[len(p.out)-1].Key = []byte(p.word(kind, "record key", "alone"))
	}
	for i, h := range rec.Headers {
		if p.first(kind + " header " + h.Key) {
			p.add(rec, v, nil, nil)
			p.out[len(p.out)-1].Headers[i].Value = []byte(p.word(kind, "header "+h.Key, "alone"))
			p.add(rec, v, nil, nil)
			p.out[len(p.out)-1].Headers[i].Key = p.word(kind, "header name", "alone")
		}
	}
}

// kindOf is the shape and the names of the events of a record.
func kindOf(v any) string {
	var names []string
	visit(v, "", func(path string, v any) any {
		if strings.HasSuffix(path, ".event") || path == ".event" {
			names = append(names, path+"="+fmt.Sprint(v))
		}
		return v
	}, func(string, map[string]any) {})
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// everyProperty are events of each kind with every property that the decoder knows, a canary in each, together and one by
// one: whatever a value means elsewhere, it is a text here. What decides whether the event is a failure stays as it is.
func (p *planter) everyProperty(t *testing.T, topic string) {
	t.Helper()
	names := knownProperties(t)
	event := func(name string, plant map[string]string) {
		group := p.group()
		props := map[string]any{"$ai_is_error": true, "status": "failed", "$exception_list": []any{map[string]any{"type": "E", "value": group}}}
		for k, v := range plant {
			props[k] = v
		}
		ownGroup(props, group)
		value := map[string]any{"event": name, "uuid": uuid.NewString(), "timestamp": "2026-11-22T02:23:58Z", "distinct_id": "u", "properties": props}
		p.out = append(p.out, &kgo.Record{Topic: topic, Value: encoded(value)})
	}
	for _, name := range []string{
		"$ai_generation", "$ai_embedding", "$ai_span", "$ai_trace", "$exception", "$ai_feedback", "$ai_metric", "$ai_evaluation", "llm_output_rated",
		"llm_request_started", "llm_request_completed", "llm_request_failed", "llm_task_completed", "support_reply_sent", "survey sent", "my own event",
	} {
		for _, s := range styles() {
			all := map[string]string{}
			for _, property := range names {
				all[property] = s.plant("v", p.word(name+" with all", property, s.name))
			}
			event(name, all)
		}
	}
	for _, name := range []string{"$ai_generation", "llm_request_failed", "$exception", "$ai_span"} {
		for _, property := range names {
			event(name, map[string]string{property: p.word(name+" with one", property, "alone")})
		}
	}
}

// knownProperties are the names in the decoder's table, but for those that decide what the event is.
func knownProperties(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("../../schemas/fields.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([$a-zA-Z_0-9.]+)"`).FindAllStringSubmatch(string(source), -1) {
		if names[m[1]] = true; m[1][0] != '$' {
			names["$ai_"+m[1]] = true
		}
	}
	if len(names) < 200 {
		t.Fatalf("%d names of properties", len(names))
	}
	for _, keep := range []string{"status", "$ai_is_error", "is_error", "$exception_list", "http_status", "$ai_http_status", "status_code"} {
		delete(names, keep)
	}
	return slices.Sorted(maps.Keys(names))
}

// exceptions are captured the way Sentry and PostHog do at their most talkative: source lines around each frame, local
// variables with prompts in them, tags, breadcrumbs, the failing request.
func exceptions(topic string) []*kgo.Record {
	var out []*kgo.Record
	for _, event := range []string{
		`{"event":"$exception","uuid":"u","timestamp":"2026-11-22T02:23:58Z","distinct_id":"user@example.org","properties":{
"$exception_list":[{"type":"app.ValueError","module":"app.rag","value":"cannot answer","mechanism":{"type":"generic","data":{"prompt":"p"}},
"stacktrace":{"type":"raw","frames":[{"filename":"/app/rag.py","abs_path":"/app/rag.py","function":"answer","module":"app.rag","context_line":"x = y",
"pre_context":["a"],"post_context":["b"],"vars":{"prompt":"p","messages":[{"role":"user","content":"c"}]},"code_variables":{"output":"o"},"in_app":true}]}},
{"type":"KeyError","value":"k"}],"$exception_level":"error","$exception_fingerprint":"fp","$exception_types":["a"],"$exception_values":["b"],
"$exception_personURL":"https://h/p","tags":{"a":"b"},"breadcrumbs":[{"message":"m","data":{"url":"https://h/x?q=1"}}],"request":{"url":"u","data":"d","headers":{"h":"v"}},
"extra":{"prompt":"p"},"user":{"email":"e@example.org","username":"n"},"http_status":500}}`,
		`{"event":"$exception","uuid":"u","timestamp":"2026-11-22T02:23:58Z","distinct_id":"u","properties":{"$exception_type":"ValueError","$exception_message":"m","$exception_stack_trace_raw":"s"}}`,
		`{"event":"llm_request_failed","uuid":"u","timestamp":"2026-11-22T02:23:58Z","distinct_id":"u","properties":{"trace_id":"t","model":"gpt-4o","provider":"openai","status":"error",
"error_details":{"message":"m","body":"b"},"error_code":"c","error_category":"api_error","stage":"s","usage":{"prompt":1,"nested":{"x":2},"list":[1]}}}`,
		`{"event":"$ai_generation","uuid":"u","timestamp":"2026-11-22T02:23:58Z","distinct_id":"u","properties":{"$ai_trace_id":"t","$ai_model":"gpt-4o","$ai_provider":"openai",
"$ai_is_error":true,"$ai_error":{"message":"m","stack":"s","request":{"body":{"messages":[{"content":"c"}]}},"cause":{"message":"n"}},"$ai_usage":{"prompt_tokens":1,"tier":"t"},
"$ai_input":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"t"}]}],
"$ai_tools":[{"function":{"name":"n","arguments":"{\"city\":\"c\"}"}}],"$ai_output_choices":["o"],"$set":{"email":"e"},"$set_once":{"name":"n"},"$groups":{"company":"c"}}}`,
	} {
		out = append(out, &kgo.Record{Topic: topic, Value: []byte(event)})
	}
	return out
}

// unusable are records that are set aside or passed over, with canaries in all that they are.
func (p *planter) unusable(topic string) {
	event := func(props string) string {
		return `{"event":"$ai_generation","uuid":"` + uuid.NewString() + `","timestamp":"2026-11-22T02:23:58Z","properties":{` + props + `}}`
	}
	for name, value := range map[string]string{
		"prose": "ERROR:app: %", "cut": event(`"$ai_input":"%"`)[:100] + "%", "not an object": `"%"`, "array": `["%"]`, "trailing": event("") + "%",
		"nul": "\x00%", "bad bytes": "\xff%\xfe", "avro": "\x00\x00\x00\x00\x01%", "deep": strings.Repeat(`{"%":`, 70) + "1" + strings.Repeat("}", 70),
		"ambiguous": event(`"$ai_model":"%","$ai_model":"%"`), "number": event(`"%":` + strings.Repeat("9", 41)), "unknown": `{"%":"%"}`,
		"skew":  `{"event":"$ai_generation","timestamp":"2190-01-01T00:00:00Z","uuid":"%","properties":{"$ai_input":"%"}}`,
		"lines": event(`"$ai_input":"%"`) + "\n{%", "no exception": `{"event":"$exception","uuid":"%","properties":{"$exception_list":[],"message":"%"}}`,
		"bad name": `{"event":7,"properties":{"$ai_input":"%"}}`, "foreign": `{"event":"$pageview","uuid":"%","properties":{"$current_url":"https://h/%"}}`,
		"properties": `{"event":"$ai_generation","properties":"%"}`, "data": `{"token":"%","now":"%","data":"%"}`,
	} {
		p.out = append(p.out, &kgo.Record{Topic: topic, Value: []byte(strings.ReplaceAll(value, "%", p.word("unusable", name, "alone")))})
	}
	p.out = append(p.out, &kgo.Record{Topic: topic, Key: []byte(p.word("unusable", "tombstone", "alone"))})
}

// badBatch is a batch that lies about what it holds, so that all of it is set aside, canary included.
func (p *planter) badBatch() []byte {
	word := []byte(p.word("unusable", "bad batch", "alone"))
	rec := kafkatest.Record(0, word, word, 1, kafkatest.Header(string(word), word)...)
	return kafkatest.Batch{Count: 5, LastDelta: 4, Records: [][]byte{rec, word}}.Bytes()
}
