CREATE VIEW orders AS
  SELECT partition, ordinal, timestamp, (text->>'t')::TIMESTAMP AS t, text->>'k' AS k, (text->>'n')::INTEGER AS n FROM records;
CREATE VIEW usable AS SELECT * FROM orders WHERE t IS NOT NULL AND (timestamp IS NULL OR t <= timestamp + INTERVAL 1 DAY);
CREATE VIEW judged AS
  SELECT *, date_trunc('minute', t) AS window_start, coalesce(
    max(t) OVER (PARTITION BY partition ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - INTERVAL 5 SECONDS
      >= date_trunc('minute', t) + INTERVAL 59999 MILLISECONDS, false) AS late
  FROM usable;
CREATE VIEW expected.per_minute AS
  SELECT window_start, k, count(*) AS records, sum(n) AS total FROM judged WHERE n > 0 AND NOT late GROUP BY window_start, k;
CREATE VIEW expected.dead_letters AS
  SELECT partition, ordinal, 'per_minute' AS step, 'RECORD_LATE' AS code, late_reason('per_minute', t, passed()) AS reason
  FROM judged WHERE n > 0 AND late
  UNION ALL
  SELECT partition, ordinal, 'watermark', 'RECORD_TIME_MISSING', 'the event time t is null' FROM orders WHERE t IS NULL
  UNION ALL
  SELECT partition, ordinal, 'watermark', 'RECORD_TIME_AHEAD',
    'the event time t = ' || strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ') || ' lies too far beyond the record''s own timestamp '
      || strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%gZ')
  FROM orders WHERE t > timestamp + INTERVAL 1 DAY;
CREATE VIEW expected.windows AS
  SELECT 'per_minute' AS name, count(*) FILTER (n > 0 AND NOT late) AS accepted, count(*) FILTER (n > 0 AND late) AS late,
    0 AS late_behind_horizon, count(*) FILTER (n <= 0) AS filtered,
    (SELECT count(DISTINCT window_start) FROM expected.per_minute) AS windows_closed,
    (SELECT count(*) FROM expected.per_minute) AS rows_out
  FROM judged;
