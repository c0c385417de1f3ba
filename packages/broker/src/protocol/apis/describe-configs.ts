import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, int8, int16, int32, string, structs } from '../schema.ts'

/** Kinds of resource that have configs. */
export const RESOURCE_TYPE = { topic: 2, broker: 4 } as const

/** Where a config's value comes from. */
export const CONFIG_SOURCE = { topic: 1, broker: 4, default: 5 } as const

/** How a config's value is to be read. */
export const CONFIG_TYPE = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  password: 9,
} as const

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleFrom: 4,
  request: {
    resources: structs({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: nullable(arrayOf(string())),
    }),
    includeSynonyms: boolean({ from: 1, default: false }),
    includeDocumentation: boolean({ from: 3, default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({
      errorCode: int16(),
      errorMessage: nullable(string()),
      resourceType: int8(),
      resourceName: string(),
      configs: structs({
        name: string(),
        value: nullable(string()),
        readOnly: boolean(),
        isDefault: boolean({ to: 0, default: false }),
        configSource: int8({ from: 1, default: -1 }),
        isSensitive: boolean(),
        synonyms: structs({ name: string(), value: nullable(string()), source: int8() }, { from: 1, default: [] }),
        configType: int8({ from: 3, default: 0 }),
        documentation: nullable(string({ from: 3 }), { default: null }),
      }),
    }),
  },
})
