import { readCapturedMessages } from '../../support/captured-messages.ts'

/** Real requests, each with its size in front. */
export async function fuzzCorpus(): Promise<Buffer[]> {
  const exchanges = await readCapturedMessages()
  return exchanges.map(({ request }) => {
    const size = Buffer.alloc(4)
    size.writeInt32BE(request.length)
    return Buffer.concat([size, request])
  })
}
