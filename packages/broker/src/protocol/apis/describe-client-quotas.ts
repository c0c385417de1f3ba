import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { boolean, float64, int8, int16, int32, string, structs } from '../schema.ts'

export const describeClientQuotas = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    components: structs({ entityType: string(), matchType: int8(), match: nullable(string()) }),
    strict: boolean(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: nullable(string(), { default: null }),
    entries: nullable(
      structs({
        entity: structs({ entityType: string(), entityName: nullable(string()) }),
        values: structs({ key: string(), value: float64() }),
      }),
    ),
  },
})
