CREATE VIEW rows AS
  SELECT (text->>'id')::BIGINT AS id, text->>'name' AS name, (text->>'price')::DECIMAL(12,3) AS price, (text->>'ok')::BOOLEAN AS ok,
    (text->>'day')::DATE AS day, (text->>'at')::TIME AS at, (text->'tags')::JSON::VARCHAR[] AS tags,
    (text->'place')::JSON::STRUCT(lat DOUBLE, names MAP(VARCHAR, VARCHAR)) AS place, (text->>'uid')::UUID AS uid,
    (text->>'big')::HUGEINT AS big, (text->>'small')::TINYINT AS small, (text->>'f')::FLOAT AS f
  FROM records;
CREATE VIEW expected.dear AS SELECT * FROM rows WHERE price >= 4 AND name IS NOT NULL;
CREATE VIEW expected.names AS
  SELECT id, name || ':' || len(tags) AS label, if(price > 100, 'dear', 'fair') AS class, place.lat AS lat,
    [upper(x) FOR x IN tags] AS upper
  FROM rows WHERE price >= 4 AND name IS NOT NULL AND id % 2 = 0;
