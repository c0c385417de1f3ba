import { defineApi } from '../api.ts'
import { tagged } from '../field.ts'
import { boolean, int16, int32, int64, string, structs } from '../schema.ts'

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string({ from: 3, default: '' }),
    clientSoftwareVersion: string({ from: 3, default: '' }),
  },
  response: {
    errorCode: int16(),
    apiKeys: structs({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32({ from: 1, default: 0 }),
    supportedFeatures: tagged(
      0,
      structs({ name: string(), minVersion: int16(), maxVersion: int16() }, { from: 3, default: [] }),
    ),
    finalizedFeaturesEpoch: tagged(1, int64({ from: 3, default: -1 })),
    finalizedFeatures: tagged(
      2,
      structs({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }, { from: 3, default: [] }),
    ),
    zkMigrationReady: tagged(3, boolean({ from: 3, default: false })),
  },
})
