CREATE VIEW orders AS
  SELECT stage, partition, ordinal, (text->>'t')::TIMESTAMP AS t, text->>'k' AS k, (text->>'n')::INTEGER AS n FROM records;
-- What had been given out when a stage began: up to the lowest of its predecessor's partitions.
CREATE VIEW reached AS
  SELECT stages.stage, orders.partition, max(t) AS t FROM orders JOIN (SELECT DISTINCT stage FROM orders) AS stages
  ON orders.stage < stages.stage GROUP BY ALL;
CREATE VIEW horizons AS SELECT stage, min(t) - INTERVAL 5 SECONDS AS horizon FROM reached GROUP BY stage;
CREATE VIEW judged AS
  SELECT *, date_trunc('minute', t) AS window_start,
    coalesce(max(t) OVER (PARTITION BY partition ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - INTERVAL 5 SECONDS
      >= date_trunc('minute', t) + INTERVAL 59999 MILLISECONDS, false) AS late,
    coalesce(horizon >= date_trunc('minute', t) + INTERVAL 59999 MILLISECONDS, false) AND NOT late AS behind
  FROM orders LEFT JOIN horizons USING (stage);
CREATE VIEW expected.per_minute AS
  SELECT window_start, k, count(*) AS records FROM judged WHERE n > 0 AND NOT late AND NOT behind GROUP BY window_start, k;
CREATE VIEW expected.dead_letters AS
  SELECT partition, ordinal, 'per_minute' AS step, 'RECORD_LATE' AS code,
    late_reason('per_minute', t, if(late, passed(), given_out())) AS reason
  FROM judged WHERE n > 0 AND (late OR behind);
CREATE VIEW expected.windows AS
  SELECT 'per_minute' AS name, count(*) FILTER (n > 0 AND NOT late AND NOT behind) AS accepted, count(*) FILTER (n > 0 AND late) AS late,
    count(*) FILTER (n > 0 AND behind) AS late_behind_horizon, count(*) FILTER (n <= 0) AS filtered,
    (SELECT count(DISTINCT window_start) FROM expected.per_minute) AS windows_closed,
    (SELECT count(*) FROM expected.per_minute) AS rows_out
  FROM judged;
