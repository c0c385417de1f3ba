CREATE VIEW orders AS
  SELECT partition, ordinal, try_cast(text->>'t' AS TIMESTAMPTZ) AS t, try_cast(text->>'t' AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS z,
    (text->>'n')::INTEGER AS n
  FROM records WHERE json_type(text, '$.t') = 'VARCHAR' AND try_cast(text->>'t' AS TIMESTAMPTZ) IS NOT NULL;
CREATE VIEW finite AS SELECT * FROM orders WHERE isfinite(t);
CREATE VIEW judged AS
  SELECT *, time_bucket(INTERVAL 1 HOUR, z, TIMESTAMP '1970-01-01') AS hour, time_bucket(INTERVAL 1 DAY, z, TIMESTAMP '1970-01-01 22:30:00') AS day,
    max(z) OVER (PARTITION BY partition ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - INTERVAL 1440 HOURS AS watermark,
    coalesce(watermark >= hour + INTERVAL 3599999 MILLISECONDS, false) AS late_in_hour,
    coalesce(watermark >= day + INTERVAL 86399999 MILLISECONDS, false) AS late_in_day
  FROM finite;
CREATE VIEW expected.hourly AS
  SELECT hour AS window_start, hour + INTERVAL 1 HOUR AS window_end, count(*) AS records, min(t) AS first, max(z) AS last,
    list(n ORDER BY partition, ordinal) AS numbers
  FROM judged WHERE NOT late_in_hour GROUP BY hour;
CREATE VIEW expected.daily AS
  SELECT day AS window_start, count(*) AS records, min(z) AS first, max(z) AS last FROM judged WHERE NOT late_in_day GROUP BY day;
CREATE VIEW expected.windows AS
  SELECT 'hourly' AS name, count(*) FILTER (NOT late_in_hour) AS accepted, count(*) FILTER (late_in_hour) AS late, 0 AS late_behind_horizon,
    0 AS filtered, count(DISTINCT hour) FILTER (NOT late_in_hour) AS windows_closed, (SELECT count(*) FROM expected.hourly) AS rows_out FROM judged
  UNION ALL
  SELECT 'daily', count(*) FILTER (NOT late_in_day), count(*) FILTER (late_in_day), 0, 0, count(DISTINCT day) FILTER (NOT late_in_day),
    (SELECT count(*) FROM expected.daily) FROM judged;
CREATE VIEW expected.dead_letters AS
  SELECT partition, ordinal, 'hourly' AS step, 'RECORD_LATE' AS code, late_reason('hourly', z, passed()) AS reason FROM judged WHERE late_in_hour
  UNION ALL
  SELECT partition, ordinal, 'daily', 'RECORD_LATE', late_reason('daily', z, passed()) FROM judged WHERE late_in_day
  UNION ALL
  SELECT partition, ordinal, 'watermark', 'RECORD_TIME_MISSING', 'the event time t is null' FROM orders WHERE NOT isfinite(t)
  UNION ALL
  SELECT partition, ordinal, 'decode', 'RECORD_WRONG_TYPE',
    'column t: ' || (text->'t')::VARCHAR || ' is not a TIMESTAMP WITH TIME ZONE'
  FROM records ANTI JOIN orders USING (partition, ordinal);
