-- What is wrong with each, as somebody should be told who must find it in its producer.
CREATE TABLE letters AS SELECT * FROM (VALUES
  (0, 1, 'RECORD_MALFORMED', 'not JSON: unterminated string at position 30: :"cut off","t":"2026'),
  (0, 2, 'RECORD_MALFORMED', 'not JSON: not json at all'),
  (0, 3, 'RECORD_EMPTY', 'the value is empty'),
  (0, 5, 'RECORD_NOT_OBJECT', 'the value is a string, not an object'),
  (0, 6, 'RECORD_NOT_OBJECT', 'the value is a number, not an object'),
  (0, 8, 'RECORD_NOT_OBJECT', 'the value is null, not an object'),
  (0, 11, 'RECORD_WRONG_TYPE', 'column a: 3000000000 is not an INTEGER'),
  (0, 12, 'RECORD_WRONG_TYPE', 'column t: "yesterday" is not a TIMESTAMP'),
  (0, 14, 'RECORD_MALFORMED', 'key "a" stands more than once'),
  (0, 19, 'RECORD_MALFORMED', 'not JSON: unexpected non-whitespace character after JSON at position 16: {"a":1,"b":"x"} trailing'),
  (0, 21, 'RECORD_NOT_UTF8', 'not UTF-8: byte 0xFF at position 12'),
  (0, 23, 'RECORD_MALFORMED', 'not JSON: \u0000\u0001\u0002'),
  (0, 26, 'RECORD_TOO_DEEP', 'objects and arrays are nested more than 1000 deep'),
  (0, 28, 'RECORD_WRONG_TYPE', 'column a: NaN is not an INTEGER'),
  (0, 29, 'RECORD_MALFORMED', 'not JSON: unexpected non-whitespace character after JSON at position 7: {"a":1}}'),
  (0, 30, 'RECORD_REQUIRED_MISSING', 'column a is required, and the record has none or null'),
  (1, 0, 'RECORD_EMPTY', 'the value is empty'),
  (1, 1, 'RECORD_EMPTY', 'the record has no value (a tombstone)'),
  (1, 2, 'RECORD_NOT_OBJECT', 'the value is an array, not an object'),
  (1, 3, 'RECORD_NOT_OBJECT', 'the value is a boolean, not an object'),
  (1, 4, 'RECORD_WRONG_TYPE', 'column a: "abc" is not an INTEGER'),
  (1, 6, 'RECORD_WRONG_TYPE', 'column a: {"x":1} is not an INTEGER'),
  (1, 7, 'RECORD_REQUIRED_MISSING', 'column a is required, and the record has none or null'),
  (1, 8, 'RECORD_REQUIRED_MISSING', 'column a is required, and the record has none or null'),
  (1, 9, 'RECORD_MALFORMED', 'not JSON: unexpected non-whitespace character after JSON at position 45: 6-11-20T10:00:00Z"}\u000a{"a":2,"b":"objects","t":"2026-11-20T10:00:00Z"}'),
  (1, 10, 'RECORD_MALFORMED', 'not JSON: unexpected non-whitespace character after JSON at position 15: {"a":1,"b":"x"}, {"a":2}'),
  (1, 11, 'RECORD_MALFORMED', 'not JSON: unexpected non-whitespace character after JSON at position 21: "a":1,"b":"escapes"},"_offset":9}'),
  (1, 12, 'RECORD_MALFORMED', 'not JSON: it begins with a byte order mark'),
  (1, 13, 'RECORD_MALFORMED', 'not JSON: bad control character in string literal at position 24: :1,"b":"raw newline \u000a in a text","t":"2026-11-20T10:00:00Z"}'),
  (1, 14, 'RECORD_MALFORMED', 'not JSON: bad control character in string literal at position 16: {"a":1,"b":"nul \u0000 byte","t":"2026-11-20T10:00:00Z"}'),
  (1, 15, 'RECORD_MALFORMED', 'not JSON that DuckDB reads: {"a":1,"b":"half a pair \ud83d","t":"2026-11-20T10:00:00Z"}'),
  (1, 16, 'RECORD_MALFORMED', 'not JSON: expected property name or ''}'' at position 1: {''a'':1,''b'':''single quotes''}')
) AS letters(partition, ordinal, code, reason);
CREATE VIEW expected.good AS
  SELECT (text->>'a')::DOUBLE::INTEGER AS a, text->>'b' AS b, (text->>'t')::TIMESTAMP AS t, 'malformed/' || partition AS partition,
    ordinal AS place
  FROM records ANTI JOIN letters USING (partition, ordinal);
CREATE VIEW expected.dead_letters AS SELECT partition, ordinal, 'decode' AS step, code, reason FROM letters;
