//! What numbers are called outside, and nowhere else: OpenTelemetry's names, with underscores for dots, and our own
//! where it has none. Units and `_total` are added when they are written.

/// Label: the model's name.
pub(super) const MODEL: &str = "gen_ai_request_model";
/// Label: why an answer ended.
pub(super) const REASON: &str = "gen_ai_response_finish_reason";

/// `gen_ai.server.time_to_first_token`.
pub(super) const FIRST_TOKEN: &str = "gen_ai_server_time_to_first_token";
/// `gen_ai.server.time_per_output_token`.
pub(super) const TOKEN: &str = "gen_ai_server_time_per_output_token";
/// `gen_ai.server.request.duration`.
pub(super) const DURATION: &str = "gen_ai_server_request_duration";

/// Waits for a turn.
pub(super) const QUEUE_WAIT: &str = "tidegate_queue_wait";
/// Segments of a step.
pub(super) const BATCH: &str = "tidegate_batch_size";
/// Prompt tokens run.
pub(super) const PREFILL: &str = "tidegate_prefill_tokens";
/// Answer tokens run.
pub(super) const DECODE: &str = "tidegate_decode_tokens";
/// Prompt tokens that need not be run.
pub(super) const PREFIX: &str = "tidegate_prefix_hit_tokens";
/// Keys and values held.
pub(super) const KV: &str = "tidegate_kv_cache";
/// What they may take.
pub(super) const KV_LIMIT: &str = "tidegate_kv_cache_limit";
/// Answers being written.
pub(super) const RUNNING: &str = "tidegate_requests_running";
/// Requests that wait.
pub(super) const WAITING: &str = "tidegate_requests_waiting";
/// Answers that ended.
pub(super) const FINISHED: &str = "tidegate_requests_finished";
/// Requests that failed.
pub(super) const FAILED: &str = "tidegate_requests_failed";
/// Answers put back to waiting.
pub(super) const PREEMPTED: &str = "tidegate_preemptions";

/// Label: what was asked of the model: `chat`, `text_completion`, `embeddings`, …
pub(super) const OPERATION: &str = "gen_ai_operation_name";
/// Label: the model that answered, where the one asked for stands for several.
pub(super) const ANSWERED_BY: &str = "gen_ai_response_model";
/// Label: `input` or `output`.
pub(super) const TOKEN_TYPE: &str = "gen_ai_token_type";
/// Label: the kind of an error; empty where there was none.
pub(super) const ERROR: &str = "error_type";
/// Label: the name of the key that asked.
pub(super) const KEY: &str = "tidegate_key";
/// Label: which limit refused: `requests`, `tokens` or `budget`.
pub(super) const LIMIT: &str = "tidegate_limit";
/// Label: `hit` or `miss`.
pub(super) const RESULT: &str = "tidegate_result";
/// Label: the method of a request.
pub(super) const METHOD: &str = "http_request_method";
/// Label: the template of a path.
pub(super) const ROUTE: &str = "http_route";
/// Label: the status of a response.
pub(super) const STATUS: &str = "http_response_status_code";

/// `gen_ai.client.operation.duration`: whoever asked is a client of the model, wherever that runs.
pub(super) const CALL_DURATION: &str = "gen_ai_client_operation_duration";
/// `gen_ai.client.operation.time_to_first_chunk`.
pub(super) const CALL_FIRST: &str = "gen_ai_client_operation_time_to_first_chunk";
/// `gen_ai.client.token.usage`.
pub(super) const CALL_TOKENS: &str = "gen_ai_client_token_usage";
/// `http.server.request.duration`.
pub(super) const HTTP_DURATION: &str = "http_server_request_duration";

/// Calls that ended.
pub(super) const CALLS: &str = "tidegate_calls";
/// Calls under way.
pub(super) const CALLS_OPEN: &str = "tidegate_calls_open";
/// Calls that a key's limit refused.
pub(super) const CALLS_REFUSED: &str = "tidegate_calls_refused";
/// Attempts behind the first.
pub(super) const RETRIES: &str = "tidegate_gateway_retries";
/// Calls that another model of the route took.
pub(super) const FALLBACKS: &str = "tidegate_gateway_fallbacks";
/// How a model's breaker stands.
pub(super) const BREAKER: &str = "tidegate_gateway_breaker_state";
/// Calls that an upstream refused for their number.
pub(super) const RATE_LIMITED: &str = "tidegate_gateway_upstream_rate_limited";
/// Calls that are open at a model behind the gateway.
pub(super) const UPSTREAM_OPEN: &str = "tidegate_gateway_upstream_open";
/// Questions to the cache of exact answers.
pub(super) const CACHE: &str = "tidegate_gateway_cache_requests";
/// Instances of a model in the cluster.
pub(super) const INSTANCES: &str = "tidegate_cluster_instances";
/// Those of them that are healthy.
pub(super) const INSTANCES_HEALTHY: &str = "tidegate_cluster_instances_healthy";
/// Rows of usage that were stored.
pub(super) const USAGE_STORED: &str = "tidegate_usage_rows_stored";
/// Rows of usage that were lost.
pub(super) const USAGE_DROPPED: &str = "tidegate_usage_rows_dropped";
/// Lines of the access log that were lost.
pub(super) const LINES_DROPPED: &str = "tidegate_access_log_lines_dropped";
/// Spans that were not exported.
pub(super) const SPANS_DROPPED: &str = "tidegate_otlp_spans_dropped";
