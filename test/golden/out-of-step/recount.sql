CREATE VIEW orders AS
  SELECT (text->>'t')::TIMESTAMP AS t, text->>'k' AS k, (text->>'n')::INTEGER AS n FROM records;
CREATE VIEW expected.per_minute AS
  SELECT date_trunc('minute', t) AS window_start, date_trunc('minute', t) + INTERVAL 1 MINUTE AS window_end, k,
    count(*) AS records, sum(n) AS total, min(t) AS first, max(t) AS last
  FROM orders WHERE n >= 0 GROUP BY ALL;
CREATE VIEW expected.windows AS
  SELECT 'per_minute' AS name, count(*) FILTER (n >= 0) AS accepted, 0 AS late, 0 AS late_behind_horizon,
    count(*) FILTER (n < 0) AS filtered, count(DISTINCT date_trunc('minute', t)) FILTER (n >= 0) AS windows_closed,
    (SELECT count(*) FROM expected.per_minute) AS rows_out
  FROM orders;
