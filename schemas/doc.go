// Package schemas is the ground of tracetally: the words that every stage speaks, the decoders that turn bytes at a
// position in Kafka into those words, and the JSON Schemas that say the same to producers.
//
// It imports nothing of ours; every stage imports it and no other stage.
//
//	we say      meaning                              PostHog / OpenTelemetry
//	record      bytes at a position in Kafka          Kafka record
//	event       a decoded record, or a part of one    event
//	call        one request to a model                $ai_generation / GenAI client span
//	exception   an error captured by an application   $exception / exception event
//	span        a step around calls                   $ai_span, $ai_trace / span
//	failure     why a call failed                     $ai_error / error.type
//	trace ID    joins calls and exceptions            $ai_trace_id / trace_id
//	reject      a record that can never be used       (dead letter)
//	bucket      a range of length, never of time      -
//
// An Event has no field that can hold the text of a prompt, of an output or of an error. What a later stage must read
// once and may never keep (the error's words, the user's id, the input) travels beside the event in a Sensitive, whose
// strings point into the decoder's buffers and are valid until its next Decode.
//
// A Decoder reads a record in one pass (scan.go): it finds the keys that tell the formats apart (envelope.go), the
// properties that mean something to us (fields.go holds every name), and whether the whole is JSON within its bounds.
// The format's entry in formats.go then makes events of what was found: a further format is one more file with one more
// entry there. A record is used as a whole or, for one Reason, not at all.
package schemas
