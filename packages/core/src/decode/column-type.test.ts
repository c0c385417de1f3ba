import { describe, expect, it } from 'vitest'
import { parseType, printType } from './column-type.ts'

describe('parseType', () => {
  it.each([
    'INTEGER',
    'DECIMAL(18,3)',
    'TIMESTAMP WITH TIME ZONE',
    'VARCHAR[]',
    'DOUBLE[2][]',
    'MAP(VARCHAR, DECIMAL(10,2)[])',
    `STRUCT("a" INTEGER, "b ""c"", d" STRUCT("e" TIMESTAMP[])[3])`,
    "ENUM('a', 'b'')')[]",
  ])('takes %s apart and printType puts it together', (text) => {
    expect(printType(parseType(text))).toBe(text)
  })

  it('fields may have no names', () => {
    const scalar = (text: string) => ({ kind: 'scalar', text })
    expect(parseType('STRUCT(DECIMAL(9,2), DATE[])')).toEqual({
      kind: 'struct',
      fields: [
        { name: '', type: scalar('DECIMAL(9,2)') },
        { name: '', type: { kind: 'list', element: scalar('DATE') } },
      ],
    })
  })

  it('names the parts', () => {
    expect(parseType('STRUCT(a INTEGER, "b c" DATE[])[2]')).toEqual({
      kind: 'array',
      size: 2,
      element: {
        kind: 'struct',
        fields: [
          { name: 'a', type: { kind: 'scalar', text: 'INTEGER' } },
          { name: 'b c', type: { kind: 'list', element: { kind: 'scalar', text: 'DATE' } } },
        ],
      },
    })
  })
})
