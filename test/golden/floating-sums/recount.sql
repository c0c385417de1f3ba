CREATE VIEW orders AS
  SELECT partition, ordinal, (text->>'t')::TIMESTAMP AS t, date_trunc('minute', (text->>'t')::TIMESTAMP) AS window_start,
    text->>'k' AS k, (text->>'x')::DOUBLE AS x, (text->>'d')::DECIMAL(12,4) AS d
  FROM records;
CREATE VIEW expected.sums AS
  SELECT window_start, k, sum(x ORDER BY partition, ordinal) AS total, avg(x ORDER BY partition, ordinal) AS average,
    stddev_pop(x / 1e200 ORDER BY partition, ordinal) AS spread,
    first(x ORDER BY partition, ordinal) AS first, last(x ORDER BY partition, ordinal) AS last,
    arg_max(t, x ORDER BY partition, ordinal) AS at_highest
  FROM orders GROUP BY ALL;
-- 0.0 and −0.0 are one number, and it is given as 0.0.
CREATE VIEW expected.exact AS
  SELECT window_start, k, sum(d) AS total, avg(d) AS average, min(x + 0) AS lowest, max(x + 0) AS highest,
    count(x) AS records
  FROM orders GROUP BY ALL;
CREATE VIEW expected.by_number AS
  SELECT time_bucket(INTERVAL 2 MINUTES, t) AS window_start, x + 0 AS x, count(*) AS records FROM orders GROUP BY ALL;
CREATE VIEW expected.windows AS
  SELECT 'sums' AS name, count(*) AS accepted, 0 AS late, 0 AS late_behind_horizon, 0 AS filtered,
    count(DISTINCT window_start) AS windows_closed, (SELECT count(*) FROM expected.sums) AS rows_out FROM orders
  UNION ALL
  SELECT 'exact', count(*), 0, 0, 0, count(DISTINCT window_start), (SELECT count(*) FROM expected.exact) FROM orders
  UNION ALL
  SELECT 'by_number', count(*), 0, 0, 0, count(DISTINCT time_bucket(INTERVAL 2 MINUTES, t)),
    (SELECT count(*) FROM expected.by_number) FROM orders;
