CREATE VIEW orders AS
  SELECT partition, ordinal, (text->>'$."zeit ⏱"')::TIMESTAMP AS t, text->>'größe' AS size, (text->>'select')::INTEGER AS number,
    (text->>'$."a.b"')::BIGINT AS ab, text->>'/with "quotes"' AS quotes, (text->>'/it''s')::BOOLEAN AS its, text->>'/   ' AS blank,
    text->>'/ключ' AS key
  FROM records;
CREATE VIEW expected.texts AS
  SELECT number AS "select", size AS "größe", ab AS "a.b", quotes AS "with ""quotes""", its AS "it's", blank AS "   ",
    length(size) AS "länge in 字", md5(size) AS "#"
  FROM orders;
CREATE VIEW expected.counted AS
  SELECT date_trunc('minute', t) AS "von → bis", key AS "ключ 🔑", count(*) AS "count(*)", sum(ab) AS "sum of a.b",
    max(size) AS "GROUP BY", list(quotes ORDER BY number) AS "with ""quotes"""
  FROM orders GROUP BY ALL;
CREATE VIEW expected.windows AS
  SELECT 'counted' AS name, count(*) AS accepted, 0 AS late, 0 AS late_behind_horizon, 0 AS filtered,
    count(DISTINCT date_trunc('minute', t)) AS windows_closed, (SELECT count(*) FROM expected.counted) AS rows_out
  FROM orders;
