CREATE VIEW orders AS
  SELECT partition, ordinal, (text->>'t')::TIMESTAMP AS t, text->>'k' AS k, (text->>'n')::INTEGER AS n, text->>'s' AS s,
    (text->>'b')::BOOLEAN AS b
  FROM records;
CREATE VIEW expected.merged AS
  SELECT time_bucket(INTERVAL 90 SECONDS, t) AS window_start, k, count(*) AS records, count(n) AS numbers, sum(n) AS total, avg(n) AS average,
    min(n) AS lowest, max(s) AS last_text, min(s) AS first_text, bool_and(b) AS every_one, bool_or(b) AS any_one, bit_xor(n) AS bits,
    count_if(n > 2) AS large, count(*) FILTER (b) AS chosen, sum(n) FILTER (s = 'x') AS of_x, max(n) - min(n) AS span
  FROM orders GROUP BY ALL HAVING count(*) > 1 AND sum(n) IS NOT NULL;
CREATE VIEW minutes AS SELECT *, date_trunc('minute', t) AS window_start FROM orders WHERE s IS DISTINCT FROM 'Z';
CREATE VIEW expected.kept AS
  SELECT window_start, window_start + INTERVAL 1 MINUTE AS window_end, k,
    count(DISTINCT n) AS different, count(DISTINCT s) AS texts, list(n ORDER BY n DESC, s, t) AS numbers,
    string_agg(s, '|' ORDER BY s) AS joined, string_agg(s, '|' ORDER BY partition, ordinal) AS in_order, list(DISTINCT n ORDER BY n) AS each,
    list(t ORDER BY partition, ordinal) AS times, sum(DISTINCT n) AS of_different, median(n) AS middle,
    mode(n ORDER BY partition, ordinal) AS most_common,
    first(s ORDER BY partition, ordinal) AS first, last(s ORDER BY partition, ordinal) AS last,
    list({s: s, n: n} ORDER BY partition, ordinal) FILTER (b IS NULL) AS unsure
  FROM minutes GROUP BY ALL HAVING bool_or(n > 1);
CREATE VIEW expected.windows AS
  SELECT 'merged' AS name, count(*) AS accepted, 0 AS late, 0 AS late_behind_horizon, 0 AS filtered,
    count(DISTINCT time_bucket(INTERVAL 90 SECONDS, t)) AS windows_closed, (SELECT count(*) FROM expected.merged) AS rows_out FROM orders
  UNION ALL
  SELECT 'kept', (SELECT count(*) FROM minutes), 0, 0, count(*) FILTER (s = 'Z'), (SELECT count(DISTINCT window_start) FROM minutes),
    (SELECT count(*) FROM expected.kept) FROM orders;
