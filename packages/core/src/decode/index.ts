import type { DecodeConfig } from '../config/pipeline-config.ts'
import type { Decoder } from './decoder.ts'
import { jsonDecoder } from './json.ts'

export type * from './decoder.ts'
export * from './errors.ts'
export { removeSpoolFolder, SPOOL_FILE, spoolFolder } from './spool.ts'

/** The decoder for a source's `decode:` settings. */
export function decoderFor(config: DecodeConfig): Decoder {
  switch (config.format) {
    case 'json':
      return jsonDecoder()
  }
}
