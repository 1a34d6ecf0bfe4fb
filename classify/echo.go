package classify

import (
	"regexp"
	"slices"
	"strings"
)

// echoWords introduce what a model wrote or was asked: after such a word and a colon comes text of a user.
var echoWords = []string{
	"output", "outputs", "completion", "response", "answer", "content", "text", "input", "inputs", "prompt", "query", "question", "value",
	"values", "arguments", "args", "body", "document", "string", "object", "data", "got", "received", "from", "reply", "generation",
	"parse", "parsing", "parsed", "raw", "payload", "given", "instance", "returned", "said", "replied", "responded", "asked", "wrote", "remains",
	"sql", "statement", "parameters", "params", "snippet", "excerpt", "chunk", "transcript", "conversation", "history", "instruction",
	"instructions", "human", "assistant", "observation", "thought", "title", "subject",
}

// openers are further words after which a structure, or a quoted word, is a value and not a part of the error.
var openers = []string{"json", "key", "row", "found", "token", "variant", "literal", "near", "time", "date", "float", "int", "was", "command", "message", "call"}

// cuts are marks that are no word and a colon: LangChain's "from completion …"; PostgreSQL's failing rows, keys and lines
// of the statement; the snippet below a line that YAML could not read; a command's arguments; a message of the user.
var cuts = regexp.MustCompile(`(?i)from completion\b|\brow contains\b|\)=\(|(?:\bline|\bcolumn) \d+:\s*\n|\bcommand ['"\x60]?\[` +
	`|\b(?:user|human|chat|input|system|processing|handling|following)(?:'s)? messages?:|\b(?:invalid|malformed|bad|to) json:|\b(?:model|llm) generated:|\bcontext(?::|=['"])`)

// sqlLine is how PostgreSQL shows the statement; the case matters, as "line 1:" is a place in other texts.
var sqlLine = regexp.MustCompile(`\bLINE \d+:`)

// withoutEchoes cuts a text where it begins to quote: after an echo word with a colon, an equals sign or a bracket, at one
// of the cuts, or at a code fence. "Expecting value: line 1" goes on with a place, not with a quotation.
func withoutEchoes(text string) string {
	end := len(text)
	if fence := strings.Index(text, "```"); fence >= 0 {
		end = fence
	}
	for _, mark := range []*regexp.Regexp{cuts, sqlLine} {
		if at := mark.FindStringIndex(text[:end]); at != nil {
			end = at[1]
		}
	}
	for i := range end {
		if opensEcho(text, i) && endsInEchoWord(text[:i]) {
			return text[:i+1] + " …"
		}
	}
	if end < len(text) {
		return text[:end] + "…"
	}
	return text
}

// opensEcho tells whether the mark at i may stand between an echo word and a quotation; the bracket of an index may not.
func opensEcho(text string, i int) bool {
	rest := text[i+1:]
	switch text[i] {
	case ':', '=':
		return !strings.HasPrefix(strings.TrimLeft(rest, " \t\n"), "line ")
	case '[':
		return i > 0 && text[i-1] == ' ' && !strings.HasPrefix(rest, "]")
	}
	return false
}

// endsInEchoWord looks at the last word of text, "is" and "was" aside; the last part of a joined_name counts.
func endsInEchoWord(text string) bool {
	text = strings.ToLower(strings.TrimRight(text[max(0, len(text)-maxEchoWord):], " \t\n"))
	text = strings.TrimSuffix(strings.TrimSuffix(text, " is"), " was")
	return slices.Contains(echoWords, lastWord(text))
}

// introduces tells whether what follows text is a value: what a model wrote or was asked, or a program was handed.
func introduces(text string) bool {
	text = strings.TrimRight(strings.ToLower(text[max(0, len(text)-maxEchoWord):]), " \t\n([:=")
	word := lastWord(text)
	return word != "from" && slices.Contains(echoWords, word) || slices.Contains(openers, word) // import 'name' from 'module'
}

// introducesLiteral is introduces for a literal that may stand in quotes, as text or as Python's bytes (b'…').
func introducesLiteral(text string) bool {
	if open := strings.TrimRight(text, "'\"`"); open != text {
		text = strings.TrimSuffix(open, "b")
	}
	return introduces(text)
}

func lastWord(lower string) string {
	return lower[strings.LastIndexFunc(lower, func(r rune) bool { return r < 'a' || r > 'z' })+1:]
}

// maxEchoWord bytes hold the longest echo word, blanks and "was".
const maxEchoWord = 32

// echoKey tells whether a value inside of a structure is what a model wrote or was asked. A body or a response may as well
// be that of an error, which its key "error" then says.
func echoKey(key string, inside bool) bool {
	switch key {
	case "error", "errors":
		return false
	case "output", "outputs", "choices", "candidates", "completion", "completions", "generation", "generations", "content", "contents", "parts",
		"arguments", "args", "tool_calls", "toolcalls", "tool_input", "toolinput", "value", "text", "document", "documents", "query", "question",
		"answer", "conversation", "history", "instructions", "context", "response", "data", "result", "results", "body", "received":
		return true
	}
	return inside
}
