package traffic

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// errorText is $ai_error as the SDK of the call's application writes it.
func (g *Generator) errorText(c call) string {
	if c.app.sdk == python {
		return c.fault.pythonText(c.model)
	}
	message := c.fault.nodeText(c.model)
	o := object{
		{"name", "Error"}, {"message", message},
		{"stack", "Error: " + message + "\n    at APIError.generate (file:///srv/apps/" + c.app.name + "/node_modules/openai/core/error.mjs:59:20)\n    at async answer (file:///srv/apps/" + c.app.name + "/src/answer.mjs:31:19)"},
	}
	if c.fault.status != 0 {
		o = o.set("status", c.fault.status)
	}
	o = o.set("headers", object{}).set("requestID", g.id("req_"))
	if c.fault.kind != "" {
		o = o.set("error", c.fault.body(c.model)).set("code", orNil(c.fault.code)).set("type", c.fault.kind)
	}
	return string(compact.encode(o))
}

// body is the provider's error object.
func (f fault) body(m model) object {
	if m.provider == "anthropic" {
		return object{{"type", f.kind}, {"message", f.message(m)}}
	}
	return object{{"message", f.message(m)}, {"type", f.kind}, {"param", nil}, {"code", orNil(f.code)}}
}

// nodeText is the message of the exception in Node.
func (f fault) nodeText(m model) string {
	switch {
	case f.status == 0:
		return f.message(m)
	case m.provider == "anthropic":
		return fmt.Sprintf("%d %s", f.status, compact.encode(object{{"type", "error"}, {"error", f.body(m)}}))
	case m.provider == "gemini":
		return string(compact.encode(object{{"error", object{{"code", f.status}, {"message", f.message(m)}, {"status", f.kind}}}}))
	case m.provider == "mistral":
		return fmt.Sprintf("API error occurred: Status %d. Body: %s", f.status, compact.encode(f.body(m)))
	}
	return strconv.Itoa(f.status) + " " + f.message(m)
}

// pythonText is str(exc) in Python: the body is a repr there, not JSON.
func (f fault) pythonText(m model) string {
	switch {
	case f.status == 0:
		return f.message(m)
	case m.provider == "gemini":
		return fmt.Sprintf("%d %s. {'error': {'code': %d, 'message': %s, 'status': '%s'}}", f.status, f.kind, f.status, repr(f.message(m)), f.kind)
	case m.provider == "mistral":
		return f.nodeText(m)
	case m.provider == "anthropic":
		return fmt.Sprintf("Error code: %d - {'type': 'error', 'error': {'type': '%s', 'message': %s}}", f.status, f.kind, repr(f.message(m)))
	}
	code := "None"
	if f.code != "" {
		code = repr(f.code)
	}
	return fmt.Sprintf("Error code: %d - {'error': {'message': %s, 'type': '%s', 'param': None, 'code': %s}}", f.status, repr(f.message(m)), f.kind, code)
}

// repr quotes as Python does: with double quotes iff the text holds single ones.
func repr(s string) string {
	if strings.Contains(s, "'") {
		return `"` + s + `"`
	}
	return "'" + s + "'"
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// exception is the $exception event of a fault in an application.
func (g *Generator) exception(a app, f fault, m model, user, trace string, at time.Time) sdkEvent {
	e := sdkEvent{name: "$exception", distinct: user, uuid: g.uuid4(), at: at, book: event{kind: kindException, cause: f.cause}}
	kind, value, module := f.class, f.pythonText(m), f.module
	if a.sdk == node {
		e.uuid = g.uuid7(at)
		if m.provider != "" {
			kind, value, module = "Error", f.nodeText(m), ""
		}
	}
	link := object{{"type", kind}, {"value", value}}
	if module != "" {
		link = link.set("module", module)
	}
	link = link.set("mechanism", object{{"type", "generic"}, {"handled", true}, {"synthetic", false}, {"exception_id", 0}})
	link = link.set("stacktrace", object{{"type", "raw"}, {"frames", a.frames(module)}})
	e.props = object{{"$exception_list", []any{link}}, {"$exception_level", "error"}}
	if trace != "" {
		e.props = e.props.set("$ai_trace_id", trace)
	}
	e.props = libProps(e.props.set("endpoint", "/api/answer").set("environment", a.environment).set("service", a.name), a.sdk)
	return e
}

// frames run from the oldest call to the newest. A line of source code holds the canary: it must not be kept either.
func (a app) frames(module string) []any {
	platform, file := "node:javascript", "src/answer.mjs"
	if a.sdk == python {
		platform, file = "python", "app/answer.py"
	}
	frames := []any{object{
		{"platform", platform}, {"filename", file}, {"function", "answer"}, {"lineno", 31}, {"in_app", true},
		{"context_line", `    result = handle(question)  # ` + Canary},
	}}
	if module != "" {
		frames = append(frames, object{
			{"platform", platform}, {"filename", strings.ReplaceAll(module, ".", "/") + ".py"}, {"module", module},
			{"function", "run"}, {"lineno", 355}, {"in_app", false},
		})
	}
	return frames
}
