package schemas

// fillCall reads one request to a model.
func (d *Decoder) fillCall(name string, out *Decoded, p *properties) Reason {
	e, w := &out.Event, &out.Event.Warnings
	e.Operation = d.operation(name, p)
	e.StopReason = d.name(p.get(fStopReason), w)
	e.ServiceTier = d.name(p.get(fServiceTier), w)
	e.HTTPStatus = int(d.whole(p.get(fHTTPStatus), 999).V)
	e.Status = d.callStatus(name, e, p)
	e.Attempt = d.whole(p.get(fAttempt), 1<<31)
	e.Retries = d.whole(p.get(fRetryCount), 1<<31).V
	if e.Final = d.truth(p.get(fFinal)); !e.Final.Ok && d.truth(p.get(fRetrying)) == Some(true) {
		e.Final = Some(false)
	}
	reason := d.fillUsage(e, p)
	if e.Status.Failed() {
		d.fillError(&out.Sensitive, p)
		e.Usage.dropZeros()
	}
	if !d.cfg.SkipInput {
		d.fillInput(&out.Sensitive, p)
	}
	return reason
}

// fillSpan reads a step around calls. The root of a trace has no span id of its own: its children name the trace as their
// parent (LangChain's handler), so that is its id.
func (d *Decoder) fillSpan(name string, out *Decoded, p *properties) {
	e := &out.Event
	if name == "$ai_trace" && e.SpanID == "" {
		e.SpanID = e.TraceID
	}
	if e.Step == "" {
		e.Step = d.name(p.get(fSpanName), &e.Warnings)
	}
	e.HTTPStatus = int(d.whole(p.get(fHTTPStatus), 999).V)
	e.Status = StatusOK
	if d.saysError(e, p) {
		e.Status = StatusError
		d.fillError(&out.Sensitive, p)
	}
}

// operation is what was asked of the model: the event's name says it for PostHog's embeddings, a property for others.
func (d *Decoder) operation(name string, p *properties) Operation {
	if name == "$ai_embedding" {
		return OpEmbedding
	}
	switch d.word(p.get(fOperation)) {
	case "completion", "text_completion":
		return OpCompletion
	case "embedding", "embeddings":
		return OpEmbedding
	case "rerank":
		return OpRerank
	case "image":
		return OpImage
	case "audio":
		return OpAudio
	case "other":
		return OpOther
	}
	return OpChat
}

// callStatus is how the call ended. llm_request_completed is believed by its status, not by its name.
func (d *Decoder) callStatus(name string, e *Event, p *properties) Status {
	stated := statusOf(d.word(p.get(fStatus)))
	switch name {
	case "llm_request_started":
		return StatusStarted
	case "llm_request_failed":
		if !stated.Failed() {
			return StatusError
		}
		return stated
	}
	switch {
	case stated.Failed():
		return stated
	case d.saysError(e, p):
		return StatusError
	}
	switch d.word(p.get(fStopReason)) {
	case "content_filter":
		return StatusBlocked
	case "failed":
		return StatusError
	}
	return StatusOK
}

// saysError tells whether the event calls itself failed. An explicit $ai_is_error is believed; the SDKs leave it out of
// what went well, and hand-sent events leave it out altogether, so an error text or a status from 400 on says it too.
func (d *Decoder) saysError(e *Event, p *properties) bool {
	if is := d.truth(p.get(fIsError)); is.Ok {
		return is.V
	}
	if v := p.get(fError); v.kind == jsonObject || v.kind == jsonString && len(v.raw) > 0 {
		return true
	}
	return e.HTTPStatus >= 400
}

func statusOf(word string) Status {
	switch word {
	case "success", "ok":
		return StatusOK
	case "error", "failed", "failure":
		return StatusError
	case "timeout":
		return StatusTimeout
	case "blocked":
		return StatusBlocked
	case "validation_failed":
		return StatusValidationFailed
	}
	return NoStatus
}

// fillError takes what the classifier needs to say why.
func (d *Decoder) fillError(s *Sensitive, p *properties) {
	for _, f := range [...]field{fError, fErrorMessage, fErrorDetails} {
		if s.ErrorText = d.sensitive(p.get(f)); s.ErrorText != "" {
			break
		}
	}
	s.ErrorType = d.sensitive(p.get(fErrorType))
	s.ErrorCode = d.sensitive(p.get(fErrorCode))
	s.Stage = d.sensitive(p.get(fStage))
	s.Category = d.sensitive(p.get(fErrorCategory))
}

// fillInput takes the model's input, to be hashed: unescaped, so that one input has one hash whatever topic it came by.
func (d *Decoder) fillInput(s *Sensitive, p *properties) {
	if v := p.get(fInput); v.kind >= jsonString {
		s.Input, _ = d.plain(v)
	}
}
