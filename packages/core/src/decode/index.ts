import type { DecodeConfig } from '../config/decode-schema.ts'
import type { SchemaRegistry } from '../registry/index.ts'
import { csvDecoder } from './csv.ts'
import type { Decoder } from './decoder.ts'
import { jsonDecoder } from './json.ts'
import { rawDecoder } from './raw.ts'

export type * from './decoder.ts'
export * from './errors.ts'
export { removeSpoolFolder, SPOOL_FILE, spoolFolder } from './spool.ts'
export { tombstonesAsRows } from './tombstones.ts'

/** The decoder for a source's `decode:` settings; `registry` opens a schema registry connection by its name. */
export async function decoderFor(config: DecodeConfig, registry: (name?: string) => SchemaRegistry): Promise<Decoder> {
  switch (config.format) {
    case 'json': {
      if (config.framing === undefined) return jsonDecoder()
      const { framedJson } = await import('./framed-json.ts')
      return framedJson(jsonDecoder(), config.validate === true ? registry(config.registry) : undefined)
    }
    case 'csv':
      return csvDecoder(config)
    case 'raw':
      return rawDecoder()
    // Only who reads these loads their libraries.
    case 'avro': {
      const { avroDecoder } = await import('./avro.ts')
      return avroDecoder(config, registry)
    }
    case 'protobuf': {
      const { protobufDecoder } = await import('./protobuf.ts')
      return protobufDecoder(config, registry)
    }
  }
}
