CREATE VIEW orders AS
  SELECT date_trunc('minute', (text->>'t')::TIMESTAMP) AS minute, text->>'k' AS product, (text->>'price')::DECIMAL(10,2) AS price,
    (text->>'n')::INTEGER AS n
  FROM records;
CREATE VIEW sales AS
  SELECT minute, product, sum(price * n) AS amount, sum(n) AS pieces, max(price) AS highest FROM orders GROUP BY ALL;
CREATE VIEW expected.mapped AS
  SELECT minute, {'name': product, 'pieces': pieces::INTEGER} AS product, amount::DECIMAL(8,1) AS amount, highest::VARCHAR AS highest,
    NULL AS as_number
  FROM sales WHERE pieces > 0;
CREATE VIEW expected.chosen AS
  SELECT minute, product.name AS product, amount, round(amount / product.pieces, 3) AS each, DATE '2026-11-20' AS day FROM expected.mapped;
CREATE VIEW expected.windows AS
  SELECT 'sales' AS name, count(*) AS accepted, 0 AS late, 0 AS late_behind_horizon, 0 AS filtered,
    count(DISTINCT minute) AS windows_closed, (SELECT count(*) FROM sales) AS rows_out FROM orders;
