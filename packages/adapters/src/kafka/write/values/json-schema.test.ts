import { expect, it } from 'vitest'
import { jsonSchemaFormat } from './json-schema.ts'

it('a closed schema, in which everything may be null', () => {
  const { schema } = jsonSchemaFormat('shop.Trade', [
    { name: 'a b', type: 'DECIMAL(9,2)' },
    { name: 'at', type: 'TIMESTAMP' },
    { name: 'part', type: 'STRUCT(any JSON, l DATE[2])' },
    { name: 'm', type: 'MAP(VARCHAR, BIGINT)' },
  ])
  expect(JSON.parse(schema)).toEqual({
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'shop.Trade',
    type: 'object',
    properties: {
      'a b': { type: ['number', 'null'] },
      at: { type: ['string', 'null'], format: 'date-time' },
      part: {
        type: ['object', 'null'],
        properties: {
          any: {},
          l: { type: ['array', 'null'], items: { type: ['string', 'null'], format: 'date' }, minItems: 2, maxItems: 2 },
        },
        additionalProperties: false,
      },
      m: { type: ['object', 'null'], additionalProperties: { type: ['integer', 'null'] } },
    },
    additionalProperties: false,
  })
})
