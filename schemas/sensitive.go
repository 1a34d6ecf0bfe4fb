package schemas

// Sensitive is what a record says that may be read once and never kept: it feeds hashes, the classifier and the
// redactor, and goes no further. Its strings and slices point into the decoder's buffers and are valid until the next Decode.
type Sensitive struct {
	// UserID is the producer's id of the user, before hashing; empty for an anonymous event.
	UserID string
	// Input is the model's input as sent: JSON text, or the unescaped text of a JSON string. Only ever hashed.
	Input []byte
	// ErrorText is the producer's error text: $ai_error, error_message, message. It may be JSON, a Python repr or prose.
	ErrorText string
	// ErrorType is a class name or "Error", as the event states it (error_type, $ai_error_type).
	ErrorType string
	// ErrorCode is the provider's code, an HTTP status, an errno or "unknown", as the event states it.
	ErrorCode string
	// Stage is the producer's hint of where it failed (stage: response_processing).
	Stage string
	// Category is the category that a structured error log states about itself.
	Category string
	// Exceptions is the chain of an exception, the captured one first, then its causes.
	Exceptions []Exception
	// ClientFingerprint is the producer's own group of the exception ($exception_fingerprint), or empty.
	ClientFingerprint string
}

// Exception is one link of a chain of exceptions.
type Exception struct {
	Type, Module, Value string
	// Frames run from the oldest call to the newest: the last one raised.
	Frames []Frame
}

// Frame is one stack frame. ContextLine is a line of the user's source code: evidence, never kept.
type Frame struct {
	Filename, Module, Function, ContextLine string
	InApp                                   bool
}
