import avsc from 'avsc'
import { expect, test } from 'vitest'
import { avroRows } from './avro-values.ts'

test('rows are Avro of a schema that says what DuckDB’s types are', () => {
  const rows = avroRows('totals', [
    { name: 'i', type: 'INTEGER' },
    { name: 'l', type: 'BIGINT' },
    { name: 'd', type: 'DECIMAL(9,2)' },
    { name: 'f', type: 'DOUBLE' },
    { name: 't', type: 'VARCHAR' },
    { name: 'day', type: 'DATE' },
    { name: 'at', type: 'TIMESTAMP' },
    { name: 'b', type: 'BLOB' },
    { name: 'list', type: 'INTEGER[]' },
    { name: 's', type: 'STRUCT(x BIGINT, y VARCHAR)' },
    { name: 'none', type: 'BOOLEAN' },
  ])
  const row = `{"i":-7,"l":12,"d":-12.34,"f":0.5,"t":"ä\\"","day":"2021-03-19","at":"2021-03-19 13:15:48.5","b":"\\\\x00a","list":[1,null],"s":{"x":3,"y":"z"},"none":null}`
  // Read by the library from the registered text alone, as any consumer does.
  const read = avsc.Type.forSchema(JSON.parse(rows.schema)).fromBuffer(rows.encode(Buffer.from(row)))
  expect(JSON.parse(JSON.stringify(read))).toEqual({
    i: -7,
    l: 12,
    d: { type: 'Buffer', data: [0xfb, 0x2e] },
    f: 0.5,
    t: 'ä"',
    day: 18705,
    at: 1616159748500000,
    b: { type: 'Buffer', data: [0, 97] },
    list: [1, null],
    s: { x: 3, y: 'z' },
    none: null,
  })
})
