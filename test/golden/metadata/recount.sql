CREATE VIEW orders AS
  SELECT partition, ordinal, timestamp, key, (text->>'t')::TIMESTAMP AS t, (text->>'n')::INTEGER AS n
  FROM records WHERE try_cast(text AS JSON)->>'t' IS NOT NULL;
CREATE VIEW expected.placed AS
  SELECT n, 'metadata/' || partition AS partition, ordinal AS place, timestamp AS sent, key, strlen(key) AS length FROM orders;
CREATE VIEW chosen AS SELECT *, date_trunc('minute', t) AS window_start FROM orders WHERE ordinal <> 1;
CREATE VIEW expected.counted AS
  SELECT window_start, 'metadata/' || partition AS partition, count(*) AS records, min(ordinal) AS first, max(ordinal) AS last,
    list(n ORDER BY ordinal DESC) AS numbers, max(timestamp) AS sent, count(DISTINCT key) AS keys
  FROM chosen GROUP BY window_start, partition;
CREATE VIEW expected.dead_letters AS
  SELECT partition, ordinal, 'decode' AS step,
    CASE WHEN value IS NULL THEN 'RECORD_EMPTY' WHEN text = 'null' THEN 'RECORD_NOT_OBJECT' ELSE 'RECORD_MALFORMED' END AS code,
    CASE WHEN value IS NULL THEN 'the record has no value (a tombstone)' WHEN text = 'null' THEN 'the value is null, not an object'
      ELSE 'not JSON: it ends too early: {"t":' END AS reason
  FROM records ANTI JOIN orders USING (partition, ordinal);
CREATE VIEW expected.windows AS
  SELECT 'counted' AS name, (SELECT count(*) FROM chosen) AS accepted, 0 AS late, 0 AS late_behind_horizon,
    count(*) - (SELECT count(*) FROM chosen) AS filtered, (SELECT count(DISTINCT window_start) FROM chosen) AS windows_closed,
    (SELECT count(*) FROM expected.counted) AS rows_out
  FROM orders;
