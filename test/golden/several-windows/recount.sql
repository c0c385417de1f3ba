CREATE VIEW orders AS
  SELECT partition, ordinal, (text->>'t')::TIMESTAMP AS t, text->>'k' AS k, (text->>'n')::INTEGER AS n,
    max((text->>'t')::TIMESTAMP) OVER (PARTITION BY partition ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
      - INTERVAL 30 SECONDS AS watermark
  FROM records;
CREATE VIEW in_minutes AS
  SELECT *, date_trunc('minute', t) AS window_start,
    coalesce(watermark >= date_trunc('minute', t) + INTERVAL 59999 MILLISECONDS, false) AS late FROM orders;
CREATE VIEW fives AS
  SELECT *, date_trunc('hour', t) + INTERVAL 5 MINUTES * floor((date_part('minute', t) - 2) / 5)::INTEGER + INTERVAL 2 MINUTES AS window_start
  FROM orders;
CREATE VIEW in_fives AS
  SELECT *, coalesce(watermark >= window_start + INTERVAL 299999 MILLISECONDS, false) AS late FROM fives;
CREATE VIEW quarters AS
  SELECT *, date_trunc('hour', t) + INTERVAL 15 MINUTES * floor(date_part('minute', t) / 15)::INTEGER AS window_start FROM orders;
CREATE VIEW in_quarters AS
  SELECT *, coalesce(watermark >= window_start + INTERVAL 899999 MILLISECONDS, false) AS late FROM quarters;
CREATE VIEW expected.per_minute AS
  SELECT window_start, k, count(*) AS records, sum(n) AS total FROM in_minutes WHERE NOT late GROUP BY ALL;
CREATE VIEW expected.per_five_minutes AS
  SELECT window_start, window_start + INTERVAL 5 MINUTES AS window_end, window_start + INTERVAL 299999 MILLISECONDS AS window_time,
    count(*) AS records, max(n) AS most
  FROM in_fives WHERE NOT late GROUP BY ALL;
CREATE VIEW expected.large_per_quarter AS
  SELECT window_start, list(n ORDER BY partition, ordinal) AS amounts FROM in_quarters WHERE n > 25 AND NOT late GROUP BY ALL;
CREATE VIEW expected.windows AS
  SELECT 'per_minute' AS name, count(*) FILTER (NOT late) AS accepted, count(*) FILTER (late) AS late, 0 AS late_behind_horizon,
    0 AS filtered, count(DISTINCT window_start) FILTER (NOT late) AS windows_closed,
    (SELECT count(*) FROM expected.per_minute) AS rows_out FROM in_minutes
  UNION ALL
  SELECT 'per_five_minutes', count(*) FILTER (NOT late), count(*) FILTER (late), 0,
    0, count(DISTINCT window_start) FILTER (NOT late),
    (SELECT count(*) FROM expected.per_five_minutes) FROM in_fives
  UNION ALL
  SELECT 'large_per_quarter', count(*) FILTER (n > 25 AND NOT late), count(*) FILTER (n > 25 AND late), 0,
    count(*) FILTER (n <= 25), count(DISTINCT window_start) FILTER (n > 25 AND NOT late),
    (SELECT count(*) FROM expected.large_per_quarter) FROM in_quarters;
