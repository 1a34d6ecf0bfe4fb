package schemas

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func keys(n int, prefix string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%s%d":1,`, prefix, i)
	}
	return b.String()
}

// The bad-input matrix of the design, as far as it concerns the bytes of one record.
func TestBadInputHasExactlyOneReason(t *testing.T) {
	ok := posthog("$ai_generation", `"$ai_trace_id":"t1"`)
	for name, tc := range map[string]struct {
		value string
		want  Reason
	}{
		"empty":                        {"", Malformed},
		"blank":                        {" \n\t ", Malformed},
		"only a BOM":                   {"\xef\xbb\xbf", Malformed},
		"BOM before an event":          {"\xef\xbb\xbf" + ok, ""},
		"two BOMs":                     {"\xef\xbb\xbf\xef\xbb\xbf" + ok, Malformed},
		"null":                         {"null", Malformed},
		"prose":                        {"hello", Malformed},
		"cut off":                      {ok[:len(ok)-1], Malformed},
		"trailing garbage":             {ok + "x", Malformed},
		"trailing garbage, no format":  {`{"a":1} x`, Malformed},
		"two events on one line":       {ok + ok, Malformed},
		"NaN":                          {posthog("$ai_generation", `"$ai_latency":NaN`), Malformed},
		"Infinity":                     {posthog("$ai_generation", `"$ai_latency":Infinity`), Malformed},
		"minus Infinity":               {posthog("$ai_generation", `"x":-Infinity`), Malformed},
		"invalid after the good part":  {`{"event":"$ai_generation","properties":{},"z":tru}`, Malformed},
		"control byte in a string":     {posthog("$ai_generation", "\"x\":\"a\x01b\""), Malformed},
		"bad escape":                   {posthog("$ai_generation", `"x":"\q"`), Malformed},
		"number":                       {"12", UnknownFormat},
		"string":                       {`"x"`, UnknownFormat},
		"object of no format":          {`{"foo":1}`, UnknownFormat},
		"empty object":                 {`{}`, UnknownFormat},
		"wrong case":                   {strings.ReplaceAll(ok, `"event"`, `"Event"`), UnknownFormat},
		"event is no string":           {`{"event":5,"properties":{}}`, Malformed},
		"event is empty":               {`{"event":"","properties":{}}`, Malformed},
		"properties are a list":        {`{"event":"$ai_generation","properties":[]}`, Malformed},
		"properties are null":          {`{"event":"$ai_generation","properties":null}`, Malformed},
		"64 deep":                      {posthog("$ai_generation", `"x":`+strings.Repeat("[", 62)+strings.Repeat("]", 62)), ""},
		"65 deep":                      {posthog("$ai_generation", `"x":`+strings.Repeat("[", 63)+strings.Repeat("]", 63)), TooDeep},
		"a million deep":               {strings.Repeat("[", 1_000_000), TooDeep},
		"a million deep inside":        {`{"a":` + strings.Repeat("[", 1_000_000), TooDeep},
		"2000 keys":                    {posthog("$ai_generation", keys(1999, "k")+`"z":1`), ""},
		"2001 keys":                    {posthog("$ai_generation", keys(2000, "k")+`"z":1`), TooWide},
		"2001 keys in the prompt":      {posthog("$ai_generation", `"$ai_input":[{`+keys(2000, "k")+`"z":1}]`), TooWide},
		"more events than fit":         {`{"api_key":"k","batch":[` + strings.Repeat(`{"event":"x","properties":{}},`, MaxEvents) + ok + `]}`, TooWide},
		"number of 40 characters":      {posthog("$ai_generation", `"x":`+strings.Repeat("1", 40)), ""},
		"number of 41 characters":      {posthog("$ai_generation", `"x":`+strings.Repeat("1", 41)), BadNumber},
		"long number in an array":      {posthog("$ai_generation", `"x":[[0.`+strings.Repeat("1", 41)+`]]`), BadNumber},
		"model twice":                  {posthog("$ai_generation", `"$ai_model":"a","$ai_model":"a"`), Ambiguous},
		"model in two cases":           {posthog("llm_request_completed", `"model":"a","MODEL":"b"`), Ambiguous},
		"two odd cases":                {posthog("llm_request_completed", `"Model":"a","MODEL":"b"`), Ambiguous},
		"model spelled with an escape": {posthog("llm_request_completed", `"model":"a","mod\u0065l":"b"`), Ambiguous},
		"tokens twice":                 {posthog("$ai_generation", `"$ai_input_tokens":1,"$ai_input_tokens":2`), Ambiguous},
		"tokens in two cases":          {posthog("$ai_generation", `"$ai_Input_Tokens":1,"$ai_input_tokens":2`), Ambiguous},
		"tokens twice in raw usage":    {posthog("$ai_generation", `"$ai_usage":{"prompt_tokens":1,"prompt_tokens":2}`), Ambiguous},
		"price twice":                  {posthog("$ai_generation", `"$ai_input_token_price":1,"$ai_input_token_price":2`), Ambiguous},
		"event twice":                  {`{"event":"a","event":"$ai_generation","properties":{}}`, Ambiguous},
		"uuid in two cases":            {`{"event":"$ai_generation","properties":{},"uuid":"a","UUID":"b"}`, Ambiguous},
		"properties twice":             {`{"event":"$ai_generation","properties":{},"properties":{}}`, Ambiguous},
		"one odd case alone":           {posthog("$ai_generation", `"MODEL":"a"`), ""},
		"PostHog's and plain name":     {posthog("$ai_generation", `"$ai_model":"a","model":"b"`), ""},
		"model twice in a page view":   {posthog("$pageview", `"model":"a","Model":"b"`), ""},
		"other key twice":              {posthog("$ai_generation", `"foo":1,"foo":2`), ""},
		"array in array in array":      {"[[[" + ok + "]]]", ""},
		"four arrays":                  {"[[[[" + ok + "]]]]", TooManyWrappers},
		"empty array":                  {"[]", ""},
		"null in an array":             {"[" + ok + ",null]", Malformed},
		"number in an array":           {"[" + ok + ",1]", UnknownFormat},
		"array cut off":                {"[" + ok + ",", Malformed},
		"lines":                        {ok + "\n" + ok + "\r\n\n" + ok + "\n", ""},
		"lines, one is no JSON":        {ok + "\nfoo\n" + ok, Malformed},
		"lines, one of no format":      {ok + "\n{}\n", UnknownFormat},
		"lines, one over two":          {ok + "\n{\"a\":\n1}", Malformed},
		"pretty-printed":               {strings.ReplaceAll(ok, ",", ",\n"), ""},
		"exception without a list":     {posthog("$exception", `"$ai_trace_id":"t"`), Malformed},
		"exception with an empty list": {posthog("$exception", `"$exception_list":[]`), Malformed},
		"list without exceptions":      {posthog("$exception", `"$exception_list":[1,null]`), Malformed},
		"list is a string":             {posthog("$exception", `"$exception_list":"boom"`), Malformed},
		"Avro":                         {"\x00\x00\x00\x00\x07\x02a", UnsupportedEncoding},
		"GUID framing":                 {"\x01" + strings.Repeat("g", 20), UnsupportedEncoding},
		"Glue":                         {"\x03\x00" + strings.Repeat("g", 20), UnsupportedEncoding},
		"msgpack":                      {"\x82\xa1a\x01", UnsupportedEncoding},
		"gzip":                         {"\x1f\x8b\x08\x00", UnsupportedEncoding},
		"zstd":                         {"\x28\xb5\x2f\xfd\x00", UnsupportedEncoding},
		"a zero byte":                  {"\x00", Malformed},
		"bad event in a batch":         {`{"api_key":"k","batch":[` + ok + `,{"event":"$exception","properties":{}}]}`, Malformed},
		"no object in a batch":         {`{"api_key":"k","batch":[` + ok + `,5]}`, Malformed},
		"data is no JSON":              {`{"token":"t","now":"n","data":"{broken"}`, Malformed},
		"data is empty":                {`{"token":"t","now":"n","data":""}`, Malformed},
		"data goes on":                 {`{"token":"t","now":"n","data":` + jsonText(ok+"x") + `}`, Malformed},
		"odd data":                     {`{"token":"t","now":"n","data":"\u007b\"event\":\"x\",\"properties\":{}}"}`, ""},
		"odd data goes on":             {`{"token":"t","now":"n","data":"\u007b\"event\":\"x\",\"properties\":{}}x"}`, Malformed},
		"odd data is broken":           {`{"token":"t","now":"n","data":"\u007b\"event\":"}`, Malformed},
		"data without token":           {`{"now":"n","data":"{}"}`, UnknownFormat},
		"data that is an object":       {`{"token":"t","now":"n","data":{}}`, UnknownFormat},
		"smallest msgpack map":         {"\x80", UnsupportedEncoding},
		"largest msgpack array":        {"\xdf", UnsupportedEncoding},
		"bytes of no encoding":         {"\xa0\xe0", Malformed},
		"protobuf":                     {"\n\x05\x00abc", UnsupportedEncoding},
		"data is a list":               {`{"token":"t","now":"n","data":"[]"}`, Malformed},
		"a literal that is none":       {posthog("$ai_generation", `"x":trux`), Malformed},
		"data is too deep":             {`{"token":"t","now":"n","data":` + jsonText(`{"a":`+strings.Repeat("[", 70)) + `}`, TooDeep},
		"data is ambiguous":            {`{"token":"t","now":"n","data":` + jsonText(posthog("$ai_generation", `"model":1,"model":2`)) + `}`, Ambiguous},
		"uuid twice in data":           {`{"token":"t","now":"n","data":` + jsonText(`{"event":"x","properties":{},"uuid":"a","uuid":"b"}`) + `}`, Ambiguous},
		"uuid twice in a batch":        {`{"created_at":"x","batch":[{"event":"x","properties":{},"uuid":"a","uuid":"b"}]}`, Ambiguous},
		"a name too long to be ours":   {posthog("$ai_generation", `"`+strings.Repeat("n", 65)+`":1,"`+strings.Repeat("N", 65)+`":2`), ""},
		"63 arrays in an array":        {strings.Repeat("[", 64) + strings.Repeat("]", 64), TooManyWrappers},
		"row without JSON":             {`{"event":"$ai_generation","team_id":2,"properties":"{"}`, Malformed},
		"custom row without JSON":      {`{"event":"thing_done","team_id":2,"properties":"{"}`, Malformed},
		"page view without JSON":       {`{"event":"$pageview","team_id":2,"properties":"{"}`, ""},
		"a day and a second ahead":     {strings.Replace(ok, "11-22T02:23:57.017", "11-23T02:24:01", 1), ClockSkew},
		"a day ahead":                  {strings.Replace(ok, "11-22T02:23:57.017", "11-23T02:24:00", 1), ""},
		"a page view from the future":  {strings.Replace(posthog("$pageview", ""), "2026", "2031", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			res := decodeValue(tc.value)
			if res.Reject != tc.want || res.Bug != "" {
				t.Fatalf("reject %q (bug %q), want %q", res.Reject, res.Bug, tc.want)
			}
			if res.Reject != "" && (len(res.Events) != 0 || res.Format != FormatNone || res.Wrappers != nil) {
				t.Errorf("a reject kept %d events, format %q, wrappers %v", len(res.Events), res.Format, res.Wrappers)
			}
		})
	}
}

func TestTombstoneIsNoEventAndNoReject(t *testing.T) {
	res := NewDecoder(DecoderConfig{}).Decode(&Record{})
	if res.Reject != "" || len(res.Events) != 0 || res.Format != FormatNone {
		t.Errorf("tombstone: %+v", res)
	}
	if res := NewDecoder(DecoderConfig{}).Decode(&Record{Value: []byte{}}); res.Reject != Malformed {
		t.Errorf("empty value: reject %q, want malformed", res.Reject)
	}
}

func TestOversizeIsRefusedBeforeItIsRead(t *testing.T) {
	d := NewDecoder(DecoderConfig{MaxValueBytes: 1000})
	if res := d.Decode(recordOf(bytes.Repeat([]byte("["), 1001))); res.Reject != Oversize {
		t.Errorf("reject %q, want oversize", res.Reject)
	}
	if res := NewDecoder(DecoderConfig{}).Decode(recordOf(bytes.Repeat([]byte(" "), MaxValueBytes+1))); res.Reject != Oversize {
		t.Errorf("reject %q, want oversize", res.Reject)
	}
}

func TestForeignEventsAreDroppedByTheirHeaderAlone(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	rec := recordOf([]byte("not even JSON"))
	rec.Headers = []Header{{Key: "event", Value: []byte("$pageview")}}
	if res := d.Decode(rec); res.Reject != "" || len(res.Events) != 0 || res.Format != FormatNone {
		t.Errorf("page view: %+v", res)
	}
	for _, ours := range []string{"$ai_generation", "$exception", "support_reply_sent", ""} {
		rec.Headers[0].Value = []byte(ours)
		if res := d.Decode(rec); res.Reject != Malformed {
			t.Errorf("%q was not read: %+v", ours, res)
		}
	}
}

func TestForeignEventsOfABatchAreIgnoredWithIdAndTime(t *testing.T) {
	res := decodeValue(`{"api_key":"k","batch":[` + posthog("$pageview", "") + "," + posthog("$ai_generation", "") + "," +
		posthog("signed_up", `"plan":"pro"`) + `]}`)
	if res.Reject != "" || len(res.Events) != 3 || res.Format != FormatPostHogBatch {
		t.Fatalf("%+v", res)
	}
	for i, ignored := range []bool{true, false, true} {
		e := res.Events[i]
		if e.Ignored != ignored || e.Event.ID == "" || e.Event.Time.IsZero() {
			t.Errorf("event %d: ignored %v, id %q, time %v", i, e.Ignored, e.Event.ID, e.Event.Time)
		}
	}
}

func TestConfiguredFormatIsTheOnlyOne(t *testing.T) {
	d := NewDecoder(DecoderConfig{Topics: map[string]TopicConfig{"events": {Format: FormatPostHogCapture}}})
	if res := d.Decode(recordOf([]byte(posthog("$ai_generation", "")))); res.Reject != UnknownFormat {
		t.Errorf("a bare event on a topic of captured ones: %q", res.Reject)
	}
	if res := d.Decode(recordOf(captured([]byte(posthog("$ai_generation", ""))))); res.Reject != "" || len(res.Events) != 1 {
		t.Errorf("a captured event: %+v", res)
	}
}

func TestWrappersAreNamedOutermostFirst(t *testing.T) {
	ok := posthog("$ai_generation", "")
	for value, want := range map[string]string{
		ok: "", "[" + ok + "]": "array", "[[" + ok + "]]": "array array", ok + "\n" + ok: "ndjson", "[" + ok + "]\n[" + ok + "]": "ndjson array",
		ok + "\n": "",
	} {
		if got := strings.Join(decodeValue(value).Wrappers, " "); got != want {
			t.Errorf("wrappers %q, want %q: %.60s", got, want, value)
		}
	}
}

// A panic inside is the decoder's own fault; the record is set aside with the place, never with its payload.
func TestPanicBecomesMalformedAndNamesItsLine(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	d.formats = []format{{FormatPostHogEvent, func(*shape) bool { panic("secret payload") }, nil}}
	res := d.Decode(recordOf([]byte(posthog("$ai_generation", ""))))
	if res.Reject != Malformed || !strings.HasPrefix(res.Bug, "schemas.") || strings.Contains(res.Bug, "secret") {
		t.Errorf("%+v", res)
	}
	if res := NewDecoder(DecoderConfig{}).Decode(recordOf([]byte("{}"))); res.Bug != "" {
		t.Errorf("bug %q stayed", res.Bug)
	}
}

func TestSkewNeedsARecordTimestamp(t *testing.T) {
	rec := recordOf([]byte(strings.Replace(posthog("$ai_generation", ""), "2026", "2031", 1)))
	rec.Timestamp = time.Time{}
	if res := NewDecoder(DecoderConfig{}).Decode(rec); res.Reject != "" {
		t.Errorf("reject %q", res.Reject)
	}
}
