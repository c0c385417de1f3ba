import type { DecodeConfig } from '../config/decode-schema.ts'
import { csvDecoder } from './csv.ts'
import type { Decoder } from './decoder.ts'
import { jsonDecoder } from './json.ts'
import { rawDecoder } from './raw.ts'

export type * from './decoder.ts'
export * from './errors.ts'
export { removeSpoolFolder, SPOOL_FILE, spoolFolder } from './spool.ts'

/** The decoder for a source's `decode:` settings. */
export function decoderFor(config: DecodeConfig): Decoder {
  switch (config.format) {
    case 'json':
      return jsonDecoder()
    case 'csv':
      return csvDecoder(config)
    case 'raw':
      return rawDecoder()
  }
}
