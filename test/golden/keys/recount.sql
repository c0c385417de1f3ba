CREATE VIEW orders AS
  SELECT partition, ordinal, date_trunc('minute', (text->>'t')::TIMESTAMP) AS window_start, text->>'region' AS region,
    text->>'product' AS product, (text->>'n')::INTEGER AS n
  FROM records;
CREATE VIEW expected.by_both AS
  SELECT window_start, region, product, count(*) AS records, sum(n) AS total FROM orders GROUP BY ALL;
CREATE VIEW expected.by_expressions AS
  SELECT window_start + INTERVAL 1 MINUTE AS window_end, upper(trim(region)) AS region, n % 3 AS rest, count(*) AS records,
    string_agg(product, ',' ORDER BY partition, ordinal) AS products
  FROM orders GROUP BY ALL;
CREATE VIEW expected.windows AS
  SELECT name, count(*) AS accepted, 0 AS late, 0 AS late_behind_horizon, 0 AS filtered,
    count(DISTINCT window_start) AS windows_closed, any_value(rows_out) AS rows_out
  FROM orders, (SELECT 'by_both' AS name, (SELECT count(*) FROM expected.by_both) AS rows_out
    UNION ALL SELECT 'by_expressions', (SELECT count(*) FROM expected.by_expressions))
  GROUP BY name;
