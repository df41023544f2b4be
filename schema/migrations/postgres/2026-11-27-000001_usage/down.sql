DROP TABLE usage_entries;
ALTER TABLE api_keys DROP COLUMN budget_days;
ALTER TABLE api_keys DROP COLUMN token_budget;
ALTER TABLE api_keys DROP COLUMN tokens_per_minute;
ALTER TABLE api_keys DROP COLUMN requests_per_minute;
