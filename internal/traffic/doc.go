// Package traffic invents what applications with LLM features write to Kafka, and keeps books of it.
//
// The records have the shapes that PostHog's SDKs, PostHog's capture service and hand-written analytics events have on
// the wire: calls, embeddings, agent traces, exceptions, ratings and completed tasks of several applications, with
// producer duplicates, late exceptions, records that nobody can use, and incidents.
//
// The books (Books) say what a correct reader must make of them: a verdict for each record, an event count for each
// kind, tokens, failures by cause and exact cost. They are kept by the producer alone and share no code with the
// product, so that a run can be held against the database: whoever is wrong, it shows.
//
// Everything follows from Config: two generators with equal configurations give equal records in equal order.
package traffic
