package schemas

// isClickHouseRow knows a row of clickhouse_events_json and clickhouse_ai_events_json: the properties are a JSON string.
func isClickHouseRow(sh *shape) bool {
	return sh.holds(eEvent, eTeamID, eProperties) &&
		(sh.get(eProperties).kind == jsonString || sh.holds(eElementsChain) || sh.holds(ePersonMode))
}

// isCapturedEvent knows a value of events_plugin_ingestion and its siblings: data is the JSON string of the event
// (PostHog, rust/common/types/src/event.rs).
func isCapturedEvent(sh *shape) bool {
	return sh.get(eData).kind == jsonString && sh.holds(eToken, eNow)
}

// isBatch knows the body of /batch/ (and /i/v0/ai/batch/).
func isBatch(sh *shape) bool { return sh.get(eBatch).kind == jsonArray && sh.holds(eAPIKey) }

// isV1Batch knows the body of /i/v1/analytics/events; its token is in a header of the request.
func isV1Batch(sh *shape) bool { return sh.get(eBatch).kind == jsonArray && sh.holds(eCreatedAt) }

// isPostHogEvent knows a single event, of PostHog or of the analytics article.
func isPostHogEvent(sh *shape) bool { return sh.holds(eEvent, eProperties) }

func (d *Decoder) postHogEvent(sh *shape) Reason { return d.event(sh, nil) }

func (d *Decoder) postHogRow(sh *shape) Reason { return d.event(sh, nil) }

func (d *Decoder) capturedEvent(sh *shape) Reason {
	switch {
	case sh.dataReason != "":
		return sh.dataReason
	case d.inner.ambiguous:
		return Ambiguous
	}
	return d.event(&d.inner, sh)
}

// postHogBatch reads the elements in a second pass: the first one had to find the key that tells what they are. A bad
// element decides the record; the others are read all the same, so that it is known how many there are.
func (d *Decoder) postHogBatch(sh *shape) Reason {
	batch := sh.get(eBatch)
	s := scanner{buf: batch.raw, esc: batch.esc}
	s.open()
	d.headers.uuid = nil // it cannot be the id of several events
	var first Reason
	for n := 0; s.element(&n); {
		d.elements++
		if reason := d.batchElement(&s); first == "" {
			first = reason
		}
	}
	return first
}

func (d *Decoder) batchElement(s *scanner) Reason {
	if s.next() != '{' {
		s.value()
		return Malformed
	}
	if !d.scanShape(s, &d.inner, nil) {
		return Malformed
	}
	if d.inner.ambiguous {
		return Ambiguous
	}
	return d.event(&d.inner, nil)
}
