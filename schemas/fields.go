package schemas

// field is one thing that a property can say. Several names may say it; see propertyNames.
type field uint8

// The fields, grouped as the files that read them.
const (
	fTrace field = iota
	fTraceOther
	fSpan
	fParent
	fRequest
	fSession
	fExceptionEvent
	fUserID
	fDistinctID
	fPersonProfile

	fEnvironment
	fService
	fProvider
	fModel
	fOperation
	fPromptName
	fPromptVersion
	fPromptHash
	fTaskType
	fFlag
	fVariant
	fAgentConfig
	fStep
	fSpanName
	fTool
	fOutputCategory
	fTraceURL
	fInputBucket
	fOutputBucket
	fInput

	fStatus
	fIsError
	fStopReason
	fServiceTier
	fHTTPStatus
	fAttempt
	fFinal
	fRetrying
	fRetryCount
	fLatency
	fLatencyMS
	fTTFT
	fTTFTMS
	fLib
	fTokensSource
	fFramework
	fIngestion

	fError
	fErrorMessage
	fErrorDetails
	fErrorType
	fErrorCode
	fErrorCategory
	fStage
	fExceptionList
	fExceptionType
	fExceptionMessage
	fFingerprint

	fTaskCompleted
	fAccepted
	fEdited
	fEscalated
	fResolved
	fAbandoned
	fUserFeedback
	fEvalName
	fEvalPassed
	fEvalScore
	fEvalReason
	fEvalNumeric
	fEvalMin
	fEvalMax
	fEvalApplicable
	fSatisfaction
	fRevenue
	fSecondsToSend
	fMetricName
	fMetricValue

	// From here on a name must not stand twice in an object, in whatever spelling: two values would be two bills.
	fBilling
	fInputTokens
	fOutputTokens
	fCacheRead
	fCacheWrite
	fCacheWrite5m
	fCacheWrite1h
	fReasoning
	fCacheExclusive
	fBaseURL
	fCacheHit
	fUsage
	fEstimatedCost
	fExtra // and the following: extraNames, in their order
	fLast  = fExtra + field(len(extraNames))
)

// extraNames are the inputs of the cost engine that have no field of their own in Usage (cost.md §11 of the design), in
// the order of Usage.Extra.
var extraNames = [...]string{
	"audio_input_tokens", "audio_output_tokens", "audio_seconds", "cache_read_audio_tokens", "cache_read_token_price",
	"cache_write_1h_token_price", "cache_write_token_price", "character_count", "citation_tokens", "data_residency",
	"image_count", "image_input_tokens", "image_output_tokens", "image_size", "inference_geo", "input_cost_usd",
	"input_token_price", "output_cost_usd", "output_token_price", "page_count", "query_count", "request_cost_usd",
	"request_count", "request_price", "search_context_size", "session_count", "speed", "text_input_tokens",
	"text_output_tokens", "total_cost_usd", "video_seconds", "web_search_cost_usd", "web_search_count", "web_search_price",
}

// propertyName binds a name on the wire to what it says. Of several names for one field the lowest rank that holds a
// value wins: PostHog's own name first, then the analytics article's.
type propertyName struct {
	name  string
	field field
	rank  uint8
}

// propertyNames is every property that is read: PostHog's SDKs (@posthog/ai 8, posthog-python 7), its manual capture, and
// the analytics article's events, whose names are PostHog's without "$ai_".
var propertyNames = buildPropertyNames()

// buildPropertyNames is long because it is a table; its lines are its only logic.
func buildPropertyNames() []propertyName { //nolint:funlen // a table
	names := []propertyName{
		{"$ai_trace_id", fTrace, 0},
		{"trace_id", fTraceOther, 0}, {"traceId", fTraceOther, 1}, {"trace.id", fTraceOther, 2},
		{"$ai_span_id", fSpan, 0}, {"span_id", fSpan, 1},
		{"$ai_parent_id", fParent, 0}, {"parent_id", fParent, 1},
		{"request_id", fRequest, 0}, {"$ai_request_id", fRequest, 1},
		{"$ai_session_id", fSession, 0}, {"$session_id", fSession, 1}, {"session_id", fSession, 2},
		{"$exception_event_id", fExceptionEvent, 0},
		{"user_id", fUserID, 0}, {"distinct_id", fDistinctID, 0}, {"$process_person_profile", fPersonProfile, 0},

		{"environment", fEnvironment, 0}, {"$environment", fEnvironment, 1}, {"env", fEnvironment, 2},
		{"service", fService, 0}, {"service_name", fService, 1}, {"service.name", fService, 2},
		{"$ai_provider", fProvider, 0}, {"provider", fProvider, 1},
		{"$ai_model", fModel, 0}, {"model", fModel, 1}, {"llm_model", fModel, 2},
		{"$ai_operation", fOperation, 0}, {"operation", fOperation, 1},
		{"prompt_name", fPromptName, 0}, {"$ai_prompt_name", fPromptName, 1},
		{"prompt_version_id", fPromptVersion, 0}, {"$ai_prompt_version", fPromptVersion, 1}, {"prompt_version", fPromptVersion, 2},
		{"prompt_hash", fPromptHash, 0}, {"$ai_prompt_hash", fPromptHash, 1},
		{"task_type", fTaskType, 0}, {"posthog_flag", fFlag, 0}, {"posthog_flag_variant", fVariant, 0},
		{"agent_config_id", fAgentConfig, 0}, {"agent_step_name", fStep, 0}, {"$ai_span_name", fSpanName, 0},
		{"tool_name", fTool, 0}, {"$ai_tool_name", fTool, 1},
		{"output_category", fOutputCategory, 0}, {"trace_url", fTraceURL, 0},
		{"input_length_bucket", fInputBucket, 0}, {"output_length_bucket", fOutputBucket, 0},
		{"$ai_input", fInput, 0},

		{"status", fStatus, 0}, {"$ai_is_error", fIsError, 0}, {"is_error", fIsError, 1},
		{"$ai_stop_reason", fStopReason, 0}, {"stop_reason", fStopReason, 1}, {"finish_reason", fStopReason, 2},
		{"$ai_service_tier", fServiceTier, 0}, {"service_tier", fServiceTier, 1},
		{"$ai_http_status", fHTTPStatus, 0}, {"http_status", fHTTPStatus, 1}, {"status_code", fHTTPStatus, 2},
		{"attempt", fAttempt, 0}, {"retry_attempt", fAttempt, 1},
		{"final", fFinal, 0}, {"is_final", fFinal, 1}, {"retry", fRetrying, 0}, {"will_retry", fRetrying, 1},
		{"retry_count", fRetryCount, 0},
		{"$ai_latency", fLatency, 0}, {"latency_ms", fLatencyMS, 0},
		{"$ai_time_to_first_token", fTTFT, 0}, {"ttft_ms", fTTFTMS, 0}, {"time_to_first_token_ms", fTTFTMS, 1},
		{"$ai_lib", fLib, 0}, {"$ai_tokens_source", fTokensSource, 0},
		{"$ai_framework", fFramework, 0}, {"framework", fFramework, 1}, {"$ai_ingestion_source", fIngestion, 0},

		{"$ai_error", fError, 0}, {"error_message", fErrorMessage, 0}, {"message", fErrorMessage, 1},
		{"error_details", fErrorDetails, 0},
		{"error_type", fErrorType, 0}, {"$ai_error_type", fErrorType, 1},
		{"error_code", fErrorCode, 0}, {"$ai_error_code", fErrorCode, 1},
		{"error_category", fErrorCategory, 0}, {"stage", fStage, 0},
		{"$exception_list", fExceptionList, 0}, {"$exception_type", fExceptionType, 0},
		{"$exception_message", fExceptionMessage, 0}, {"$exception_fingerprint", fFingerprint, 0},

		{"task_completed", fTaskCompleted, 0}, {"accepted_output", fAccepted, 0}, {"edited_output", fEdited, 0},
		{"escalated_to_human", fEscalated, 0}, {"resolved", fResolved, 0}, {"abandoned", fAbandoned, 0},
		{"user_feedback", fUserFeedback, 0},
		{"eval_name", fEvalName, 0}, {"$ai_evaluation_name", fEvalName, 1},
		{"eval_passed", fEvalPassed, 0}, {"$ai_evaluation_result", fEvalPassed, 1},
		{"eval_score", fEvalScore, 0}, {"eval_reason_code", fEvalReason, 0},
		{"$ai_evaluation_numeric_result", fEvalNumeric, 0}, {"$ai_evaluation_numeric_result_min", fEvalMin, 0},
		{"$ai_evaluation_numeric_result_max", fEvalMax, 0}, {"$ai_evaluation_applicable", fEvalApplicable, 0},
		{"customer_satisfaction_score", fSatisfaction, 0}, {"revenue_usd", fRevenue, 0},
		{"time_to_send_seconds", fSecondsToSend, 0},
		{"$ai_metric_name", fMetricName, 0}, {"$ai_metric_value", fMetricValue, 0},
	}
	for _, n := range []propertyName{
		{"input_tokens", fInputTokens, 0}, {"output_tokens", fOutputTokens, 0},
		{"cache_read_input_tokens", fCacheRead, 0}, {"cache_creation_input_tokens", fCacheWrite, 0},
		{"cache_creation_5m_input_tokens", fCacheWrite5m, 0}, {"cache_creation_1h_input_tokens", fCacheWrite1h, 0},
		{"reasoning_tokens", fReasoning, 0}, {"cache_reporting_exclusive", fCacheExclusive, 0},
		{"base_url", fBaseURL, 0}, {"cache_hit", fCacheHit, 0}, {"usage", fUsage, 0},
		{"estimated_cost_usd", fEstimatedCost, 0},
	} {
		names = append(names, propertyName{"$ai_" + n.name, n.field, 0}, propertyName{n.name, n.field, 1})
	}
	names = append(names, propertyName{"cache_read_tokens", fCacheRead, 2}, propertyName{"cache_write_tokens", fCacheWrite, 2})
	for i, n := range extraNames {
		names = append(names, propertyName{"$ai_" + n, fExtra + field(i), 0}, propertyName{n, fExtra + field(i), 1})
	}
	return names
}

// billing tells whether the field decides what a call costs.
func (f field) billing() bool {
	return f > fBilling || f == fModel || f == fProvider || f == fServiceTier
}
