import avsc from 'avsc'
import { expect, it } from 'vitest'
import { avroFormat } from './avro.ts'

it('a record’s parts have names of their own, below the namespace', () => {
  const { schema } = avroFormat('shop.Trade', [
    { name: 'a', type: 'STRUCT(b STRUCT(c INTEGER))' },
    { name: 'a_b', type: 'STRUCT(c TIMESTAMP_NS, d DECIMAL(9,2))[]' },
  ])
  // The library refuses a name that is taken.
  expect(avsc.Type.forSchema(JSON.parse(schema)).branchName).toBe('shop.Trade')
  const nullable = (type: unknown) => ['null', type]
  expect(JSON.parse(schema)).toMatchObject({
    name: 'Trade',
    namespace: 'shop',
    fields: [
      {
        name: 'a',
        default: null,
        type: nullable({ name: 'Trade_a', fields: [{ type: nullable({ name: 'Trade_a_b' }) }] }),
      },
      { name: 'a_b', type: nullable({ type: 'array', items: nullable({ name: 'Trade_a_b_' }) }) },
    ],
  })
})
