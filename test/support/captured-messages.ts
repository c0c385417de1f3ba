import { readFile } from 'node:fs/promises'

/** A request and its response, without their sizes, as they went between a client and Apache Kafka 4.3. */
export interface CapturedExchange {
  /** `java` (Kafka's own clients and tools), `kafkajs` or `platformatic`. */
  readonly client: string
  /** The API's name. */
  readonly api: string
  readonly version: number
  readonly request: Buffer
  readonly response: Buffer
}

/** One exchange for every API, version and client that this broker's tables and Apache Kafka have in common. */
export async function readCapturedMessages(): Promise<CapturedExchange[]> {
  const text = await readFile(new URL('captured-messages.json', import.meta.url), 'utf8')
  const stored = JSON.parse(text) as (Omit<CapturedExchange, 'request' | 'response'> & Record<string, string>)[]
  return stored.map(({ request = '', response = '', ...exchange }) => ({
    ...exchange,
    request: Buffer.from(request, 'hex'),
    response: Buffer.from(response, 'hex'),
  }))
}
