package schemas

import "testing"

func TestOutcomesRatingsAndEvaluationsAreMeasured(t *testing.T) {
	yes, no := Some(true), Some(false)
	dec := func(s string) Opt[Decimal] {
		d, err := ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return Some(d)
	}
	for _, tc := range []struct {
		event, props string
		kind         Kind
		want         Measures
	}{
		{"llm_task_completed", `"task_completed":true,"accepted_output":false,"edited_output":true,"retry_count":2`, Outcome,
			Measures{TaskCompleted: yes, Accepted: no, Edited: yes, Retries: Some[int64](2)}},
		{"support_reply_sent", `"edited_output":true,"time_to_send_seconds":74`, Outcome, Measures{Edited: yes, SecondsSend: dec("74")}},
		{"support_ticket_resolved", `"resolved":true,"escalated_to_human":false,"customer_satisfaction_score":5`, Outcome,
			Measures{Resolved: yes, Escalated: no, Satisfaction: dec("5")}},
		{"order_placed", `"trace_id":"t","revenue_usd":"19.90"`, Outcome, Measures{RevenueUSD: dec("19.9")}},
		{"flow_left", `"trace_id":"t","abandoned":1`, Outcome, Measures{Abandoned: yes}},
		{"llm_output_rated", `"user_feedback":"positive"`, Feedback, Measures{Feedback: Some[int64](1)}},
		{"llm_output_rated", `"user_feedback":"Negative"`, Feedback, Measures{Feedback: Some[int64](-1)}},
		{"llm_output_rated", `"user_feedback":"neutral"`, Feedback, Measures{Feedback: Some[int64](0)}},
		{"llm_output_rated", `"user_feedback":""`, Feedback, Measures{}},
		{"$ai_feedback", `"$ai_trace_id":"t","$ai_feedback_text":"Wrong answer"`, Feedback, Measures{}},
		{"survey sent", `"$ai_trace_id":"t"`, Feedback, Measures{}},
		{"$ai_metric", `"$ai_metric_name":"accuracy","$ai_metric_value":"0.93"`, Evaluation, Measures{EvalName: "accuracy", EvalScore: dec("0.93")}},
		{"$ai_metric", `"$ai_metric_name":"quality","$ai_metric_value":"good"`, Evaluation, Measures{EvalName: "quality", EvalPassed: yes}},
		{"$ai_metric", `"$ai_metric_name":"quality","$ai_metric_value":"bad"`, Evaluation, Measures{EvalName: "quality", EvalPassed: no}},
		{"$ai_evaluation", `"$ai_evaluation_numeric_result":7,"$ai_evaluation_numeric_result_min":1,"$ai_evaluation_numeric_result_max":5`, Evaluation, Measures{}},
		{"$ai_metric", `"$ai_metric_name":"quality","$ai_metric_value":"I did not like it"`, Evaluation, Measures{EvalName: "quality"}},
		{"$ai_evaluation", `"$ai_evaluation_name":"tone","$ai_evaluation_result":false`, Evaluation, Measures{EvalName: "tone", EvalPassed: no}},
		{"$ai_evaluation", `"$ai_evaluation_name":"tone","$ai_evaluation_result":true,"$ai_evaluation_applicable":false`, Evaluation, Measures{EvalName: "tone"}},
		{"$ai_evaluation", `"$ai_evaluation_numeric_result":4,"$ai_evaluation_numeric_result_min":1,"$ai_evaluation_numeric_result_max":5`, Evaluation,
			Measures{EvalScore: dec("0.75")}},
		{"$ai_evaluation", `"$ai_evaluation_numeric_result":0.4,"$ai_evaluation_numeric_result_min":0,"$ai_evaluation_numeric_result_max":1`, Evaluation,
			Measures{EvalScore: dec("0.4")}},
		{"nightly_check", `"eval_name":"json","eval_passed":true,"eval_score":87.5,"eval_reason_code":"wrong_format"`, Evaluation,
			Measures{EvalName: "json", EvalPassed: yes, EvalScore: dec("0.875"), EvalReasonCode: "wrong_format"}},
		{"llm_request_completed", `"eval_score":1,"eval_reason_code":"the user wrote his address"`, Call, Measures{EvalScore: dec("1")}},
		{"$ai_evaluation", `"$ai_evaluation_numeric_result":0.12345,"$ai_evaluation_numeric_result_max":1`, Evaluation, Measures{EvalScore: dec("0.12345")}},
		{"$ai_evaluation", `"$ai_evaluation_numeric_result":5,"$ai_evaluation_numeric_result_max":10`, Evaluation, Measures{EvalScore: dec("0.5")}},
		{"nightly_check", `"eval_score":-1`, Evaluation, Measures{}},
		{"nightly_check", `"eval_score":"100"`, Evaluation, Measures{EvalScore: dec("1")}},
		{"nightly_check", `"eval_score":101`, Evaluation, Measures{}},
	} {
		e := decodeProps(t, tc.event, tc.props).Event
		if e.Kind != tc.kind || e.Measures != tc.want {
			t.Errorf("%s {%s}: %v %+v, want %v %+v", tc.event, tc.props, e.Kind, e.Measures, tc.kind, tc.want)
		}
	}
}

func TestEventsThatAreNoneOfOursAreIgnored(t *testing.T) {
	for event, props := range map[string]string{
		"$pageview": `"trace_id":"t"`, "signed_up": `"plan":"pro"`, "survey sent": `"$survey_id":"s"`, "my_call": `"trace_id":"t","input_tokens":5`,
		"thing": `"trace_id":"undefined"`, "$ai_something_new": `"$ai_trace_id":"t"`,
	} {
		if !decodeProps(t, event, props).Ignored {
			t.Errorf("%s {%s} is not ignored", event, props)
		}
	}
}

func TestFlagAndVariant(t *testing.T) {
	for props, want := range map[string]string{
		`"posthog_flag":"f","posthog_flag_variant":"treatment"`:                "f=treatment",
		`"$feature/answer-test":"control"`:                                     "answer-test=control",
		`"$feature/b":"2","$feature/a":true,"$feature/c":"3"`:                  "a=true",
		`"$feature/a":"x","posthog_flag":"f","posthog_flag_variant":"control"`: "f=control",
		`"$feature/":"x"`:              "=",
		`"$feature/a":{"payload":"x"}`: "=",
	} {
		e := decodeProps(t, "$ai_generation", props).Event
		if got := e.Flag + "=" + e.Variant; got != want {
			t.Errorf("%s: %s, want %s", props, got, want)
		}
	}
}
