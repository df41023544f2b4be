//! What numbers are called outside: OpenTelemetry's names for generative AI, with underscores for dots, and our own
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
