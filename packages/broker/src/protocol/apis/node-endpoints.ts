import { nullable, tagged } from '../field.ts'
import { int32, string, structs } from '../schema.ts'

/** Where the leaders named in a response are, so that a client need not ask for metadata (KIP-951). */
export function nodeEndpoints(from: number) {
  return tagged(
    0,
    structs(
      { nodeId: int32(), host: string(), port: int32(), rack: nullable(string(), { default: null }) },
      { from, default: [] },
    ),
  )
}
