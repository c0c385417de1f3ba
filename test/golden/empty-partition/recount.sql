CREATE VIEW orders AS
  SELECT partition, ordinal, (text->>'t')::TIMESTAMP AS t, text->>'k' AS k, (text->>'n')::INTEGER AS n FROM records;
CREATE VIEW judged AS
  SELECT *, time_bucket(INTERVAL 2 MINUTES, t) AS window_start, coalesce(
    max(t) OVER (PARTITION BY partition ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - INTERVAL 5 SECONDS
      >= time_bucket(INTERVAL 2 MINUTES, t) + INTERVAL 119999 MILLISECONDS, false) AS late
  FROM orders;
CREATE VIEW expected.per_two_minutes AS
  SELECT window_start, k, count(*) AS records, sum(n) AS total, strftime(window_start, '%Y-%m-%d-%H') AS hour
  FROM judged WHERE NOT late GROUP BY window_start, k;
CREATE VIEW expected.dead_letters AS
  SELECT partition, ordinal, 'per_two_minutes' AS step, 'RECORD_LATE' AS code, late_reason('per_two_minutes', t, passed()) AS reason
  FROM judged WHERE late;
CREATE VIEW expected.windows AS
  SELECT 'per_two_minutes' AS name, count(*) FILTER (NOT late) AS accepted, count(*) FILTER (late) AS late, 0 AS late_behind_horizon,
    0 AS filtered, count(DISTINCT window_start) FILTER (NOT late) AS windows_closed,
    (SELECT count(*) FROM expected.per_two_minutes) AS rows_out
  FROM judged;
