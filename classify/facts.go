package classify

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// Bounds on the chain and its stacks: what decides stands at the ends.
const (
	maxLinks  = 24
	maxFrames = 24 // newest frames looked at, of each link
	// maxEventText bounds what is read of all texts of one event together: a long chain costs no more than a long text.
	maxEventText = 2 * maxText
)

// depth orders evidence by how far inside it stands: 0 is absent, the event's own fields are 1, links count in steps of
// linkStep from the captured exception to its root cause, and wrappers add one each.
type depth int16

const linkStep depth = 16

// zone is where a phrase was found.
type zone int

const (
	inText zone = iota
	inFrames
	inContext
	zones
)

// facts is what one event shows, before anything is decided. It is reused between events.
type facts struct {
	call     bool // a failed call event, which names an API by itself
	codes    map[string]depth
	types    map[string]depth // class names, lower case, without module
	statuses map[int]depth
	hits     [zones][]depth // by phrase id
	texts    [zones][]piece
	owner    owner
	status   schemas.Status
	stage    string
	category string // as the producer states it
	// distrusted is a status 500 that the text does not confirm: clients report timeouts so (guide §5).
	distrusted bool
	buf        []byte
	budget     int // bytes of text that may still be read
}

// piece is one normalised text, for the patterns.
type piece struct {
	text  string
	depth depth
}

func (f *facts) reset(phrases int) {
	if f.codes == nil {
		f.codes, f.types, f.statuses = map[string]depth{}, map[string]depth{}, map[int]depth{}
	}
	clear(f.codes)
	clear(f.types)
	clear(f.statuses)
	for z := range f.hits {
		if f.hits[z] == nil {
			f.hits[z] = make([]depth, phrases)
		}
		clear(f.hits[z])
		clear(f.texts[z])
		f.texts[z] = f.texts[z][:0]
	}
	f.owner, f.distrusted, f.budget = owner{}, false, maxEventText
}

// gather reads everything the event shows.
func (c *Classifier) gather(f *facts, ev *schemas.Event, s *schemas.Sensitive) {
	f.reset(len(c.rules.matcher.phrases))
	f.call, f.status, f.stage, f.category = ev.Kind == schemas.Call, ev.Status, s.Stage, s.Category
	c.gatherText(f, s.ErrorText, 1)
	f.addType(s.ErrorType, 1)
	f.addCode(s.ErrorCode, 1)
	f.add("given:"+strings.ToLower(trimTo(s.ErrorCode, maxKey)), 1)
	if !Generic(strings.ToLower(ev.StopReason)) {
		f.addFinish(ev.StopReason, 1)
	}
	for i := range links(s.Exceptions) {
		e := linkAt(s.Exceptions, i)
		d := linkStep * depth(i+1)
		f.addType(e.Type, d)
		if e.Module != "" && len(e.Module)+len(e.Type) <= maxIdentifier {
			f.addType(e.Module+"."+e.Type, d)
		}
		c.gatherText(f, e.Value, d)
		c.gatherFrames(f, e.Frames, d)
		c.ownerOfLink(f, e, d)
	}
	c.addEventStatus(f, ev.HTTPStatus)
	c.settleOwner(f, ev)
}

// links is how many links are looked at; of a longer chain the head and the root are kept.
func links(chain []schemas.Exception) int { return min(len(chain), maxLinks) }

func linkAt(chain []schemas.Exception, i int) *schemas.Exception {
	if len(chain) > maxLinks && i >= maxLinks/2 {
		i += len(chain) - maxLinks
	}
	return &chain[i]
}

func (c *Classifier) gatherText(f *facts, text string, d depth) {
	text = headAndTail(text, min(maxText, f.budget))
	if text == "" {
		return
	}
	f.budget -= len(text)
	u := unwrap(text)
	for _, fd := range u.fields {
		f.addField(fd, d+depth(fd.nest))
	}
	norm := c.scan(f, inText, u.text.String(), d)
	f.addStatusesOf(norm, d)
	f.addGRPC(norm, d)
	for _, word := range words(u.text.String()) {
		f.addWord(word, d, c.rules)
	}
}

// scan normalises a text, marks the phrases that it holds, and keeps it for the patterns.
func (c *Classifier) scan(f *facts, z zone, text string, d depth) string {
	f.buf = normalize(f.buf[:0], text)
	c.rules.matcher.scan(f.buf, func(id int32) { f.hits[z][id] = max(f.hits[z][id], d) })
	norm := string(f.buf)
	f.texts[z] = append(f.texts[z], piece{norm, d})
	return norm
}

// gatherFrames reads the newest frames of a link, newest first.
func (c *Classifier) gatherFrames(f *facts, frames []schemas.Frame, d depth) {
	if len(frames) == 0 {
		return
	}
	var where, context strings.Builder
	for i := len(frames) - 1; i >= max(0, len(frames)-maxFrames); i-- {
		fr := &frames[i]
		where.WriteString(fr.Filename[:min(len(fr.Filename), maxFramePart)] + " " + fr.Module[:min(len(fr.Module), maxFramePart)] +
			" " + fr.Function[:min(len(fr.Function), maxFramePart)] + "\n")
		if i >= len(frames)-2 { // only the failing line and its caller: older lines are code that worked
			context.WriteString(fr.ContextLine[:min(len(fr.ContextLine), maxFramePart)] + "\n")
		}
	}
	c.scan(f, inFrames, where.String(), d)
	c.scan(f, inContext, context.String(), d)
}

const maxFramePart = 512

// addEventStatus takes the event's own HTTP status. A 500 of a call that its text does not state is what the Node client
// of PostHog sends for timeouts and lost connections (guide §5): no evidence.
func (c *Classifier) addEventStatus(f *facts, status int) {
	if status < 100 || status > 599 {
		return
	}
	if _, stated := f.statuses[status]; status == 500 && f.call && !stated {
		f.distrusted = true
		return
	}
	f.statuses[status] = max(f.statuses[status], 1)
}

// addField takes a scalar of a structure inside the text: codes, types and statuses by the key's name.
func (f *facts) addField(fd field, d depth) {
	v := strings.TrimSpace(fd.value)
	switch fd.key {
	case "code", "status", "statuscode", "status_code", "http_status", "httpstatus", "httpstatuscode", "httpcode", "error_code", "errorcode":
		f.addCode(v, d)
	case "type", "errortype", "error_type", "name", "__type", "exception", "error", "reason", "error_reason", "status_name",
		"sqlstate", "kind", "errno", "syscall", "subcode", "error_subcode", "errcode":
		f.addCode(v, d)
		f.addType(v, d)
	case "finishreason", "finish_reason", "finishreasons", "stopreason", "stop_reason", "incomplete_details":
		f.addFinish(v, d)
	case "blockreason", "block_reason":
		f.add("block:"+strings.ToLower(v), d)
		f.add("block:any", d)
	case unclosed:
		f.add("field:unclosed", d)
	case "raw", "innererror", "content_filter_result", "failed_generation", "refusal", "retry_after", "retrydelay", "quotaid":
		if v != "" && v != "null" && v != "None" || fd.key == "failed_generation" {
			f.add("field:"+fd.key, d)
		}
	}
}

// noCodes are what producers send in place of a code.
var noCodes = []string{"unknown", "none", "null", "undefined", "error", "ok", "_other"}

func (f *facts) addFinish(v string, d depth) {
	if identifier(v) {
		f.add("finish:"+strings.ToLower(v), d)
	}
}

// addCode takes what a producer or provider gave as a code: an HTTP status or an identifier.
func (f *facts) addCode(v string, d depth) {
	if n, err := strconv.Atoi(v); err == nil {
		if len(v) == 3 && n >= 100 && n <= 599 {
			f.statuses[n] = max(f.statuses[n], d)
			return
		}
	}
	if !identifier(v) || slices.Contains(noCodes, strings.ToLower(v)) {
		return
	}
	f.add(strings.ToLower(v), d)
	f.addGRPCName(strings.ToLower(v), d)
	if looksLikeClass(v) {
		f.addType(v, d)
	}
}

func (f *facts) add(code string, d depth) {
	if code != "" && len(f.codes) < maxFields {
		f.codes[code] = max(f.codes[code], d)
	}
}

// addType takes a class name as sent: with or without module, with or without a pointer's star.
func (f *facts) addType(name string, d depth) {
	name = strings.Trim(name, "*&<>' ")
	if !identifier(name) || len(f.types) >= maxFields {
		return
	}
	lower := strings.ToLower(name)
	f.types[lower] = max(f.types[lower], d)
	if i := strings.LastIndexAny(lower, ".:\\/"); i >= 0 && i+1 < len(lower) {
		f.types[lower[i+1:]] = max(f.types[lower[i+1:]], d)
	}
}

// maxIdentifier bounds one word of code, in bytes.
const maxIdentifier = 200

// identifier tells whether s is one word of code: letters, digits and the marks that join names.
func identifier(s string) bool {
	if s == "" || len(s) > maxIdentifier {
		return false
	}
	for i := range len(s) {
		if !wordByte(s[i]) && !strings.ContainsRune(".-:*$/\\<>&", rune(s[i])) {
			return false
		}
	}
	return true
}
