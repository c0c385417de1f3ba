import { expect, it } from 'vitest'
import { type RegisteredFormat, valueProblems } from './value-rules.ts'

const CASES: [type: string, formats: RegisteredFormat[], message: string][] = [
  ['STRUCT("a b" INTEGER)', ['avro', 'protobuf'], 'the column "c.a b" cannot be a field'],
  ['STRUCT(DECIMAL(9,2), INTEGER[])', ['avro', 'protobuf', 'jsonSchema'], 'its fields have no names'],
  ['STRUCT(a_b INTEGER, "aB" INTEGER)', ['protobuf'], 'the column "c.aB" and "a_b" are one name'],
  ['UNION(a INTEGER)', ['avro', 'protobuf', 'jsonSchema'], 'has the type UNION(a INTEGER)'],
  ['INTEGER[][]', ['protobuf'], 'is a list within a list'],
  ['MAP(VARCHAR, INTEGER[])[]', ['protobuf'], 'is a map within a list'],
  ['STRUCT(m MAP(VARCHAR, INTEGER[]))', ['protobuf'], 'the column "c.m" is a list within a map'],
  ['MAP(STRUCT(a INTEGER), INTEGER)', ['avro', 'protobuf', 'jsonSchema'], 'is a map whose keys'],
  ['STRUCT(l STRUCT(x MAP(INTEGER, VARCHAR))[])', [], ''],
]

it.each(CASES)('%s cannot be said in %j', (type, formats, message) => {
  for (const format of ['avro', 'protobuf', 'jsonSchema'] as const) {
    const problems = valueProblems(format, [{ name: 'c', type }])
    if (formats.includes(format)) expect(problems[0]?.message).toContain(message)
    else expect(problems).toEqual([])
  }
})
