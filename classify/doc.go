// Package classify says why a call failed or what an exception is: one of five categories, one reason of a closed list,
// and the rule that decided, so that a reader can check the verdict.
//
// The rules are data (data/*.yaml); the engine knows levels of evidence and nothing of any library:
//
//	1 an explicit code      insufficient_quota, SQLSTATE 23505, [Errno 28], gRPC UNAVAILABLE
//	2 text naming the cause "maximum context length is 8192 tokens"
//	3 the exception's type  RateLimitError, psycopg2.errors.UndefinedTable
//	4 frames and context    response.choices[0] in the failing line
//	5 the HTTP status       429
//	6 hints of the event    status: blocked
//
// A lower level decides only where every higher one is silent. Evidence that many causes share (code invalid_request_error,
// "Connection error.", HTTP 500) is marked usual in its rule: it decides only where no level has better.
// Which component failed comes before which words occur: a rule may ask for the owner (a store, an LLM API, a parser),
// found from modules, frames, ports and names (data/components.yaml).
//
// Nothing of an event's text leaves this package except Failure.Message, which is redacted, and evidence never quotes it.
package classify
