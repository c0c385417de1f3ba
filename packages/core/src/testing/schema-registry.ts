import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Stored {
  readonly schema: string
  readonly schemaType: string
  readonly references: readonly { name: string; subject: string; version: number }[]
}

/**
 * A schema registry for tests, in memory: the few requests that a client makes, answered as Confluent's documentation of its
 * API has them (paths, codes 40401 to 40403, 409). It checks no compatibility: a schema that says `incompatible` is refused.
 */
export class TestSchemaRegistry {
  /** While set, every request is answered by this status and nothing else. */
  failing: number | undefined
  /** `METHOD path` of every request. */
  readonly requests: string[] = []
  /** What `authorization` must be, where it is asked for. */
  readonly #authorization: string | undefined
  readonly #server: Server
  readonly #schemas: Stored[] = []
  readonly #subjects = new Map<string, number[]>()

  private constructor(authorization: string | undefined) {
    this.#authorization = authorization
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(options: { authorization?: string; port?: number } = {}): Promise<TestSchemaRegistry> {
    const registry = new TestSchemaRegistry(options.authorization)
    registry.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(registry.#server, 'listening')
    return registry
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Registers a schema as a producer would have; gives its id. */
  add(subject: string, schema: string | object, schemaType = 'AVRO', references: Stored['references'] = []): number {
    const text = typeof schema === 'string' ? schema : JSON.stringify(schema)
    const known = this.#schemas.findIndex((one) => one.schema === text && one.schemaType === schemaType)
    const id = known < 0 ? this.#schemas.push({ schema: text, schemaType, references }) : known + 1
    const versions = this.#subjects.get(subject) ?? []
    if (!versions.includes(id)) versions.push(id)
    this.#subjects.set(subject, versions)
    return id
  }

  /** The schemas of a subject, oldest first. */
  versions(subject: string): readonly { readonly id: number; readonly schema: string; readonly schemaType: string }[] {
    return (this.#subjects.get(subject) ?? []).map((id) => ({ id, ...(this.#schemas[id - 1] as Stored) }))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url ?? '')
    this.requests.push(`${request.method} ${path}`)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const [status, body] = this.#respond(request, path, Buffer.concat(chunks).toString())
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(JSON.stringify(body))
  }

  #respond({ method, headers }: IncomingMessage, path: string, text: string): [status: number, body: unknown] {
    if (this.failing !== undefined) return [this.failing, { error_code: this.failing, message: 'told to fail' }]
    if (this.#authorization !== undefined && headers.authorization !== this.#authorization) {
      return [401, { error_code: 401, message: 'Unauthorized' }]
    }
    const byId = /^\/schemas\/ids\/(\d+)$/.exec(path)
    if (byId !== null) {
      const found = this.#schemas[Number(byId[1]) - 1]
      return found === undefined ? [404, { error_code: 40403, message: 'Schema not found' }] : [200, found]
    }
    const [, among] = (method === 'POST' && /^\/subjects\/(.+)(?<!\/versions)$/.exec(path)) || []
    if (among !== undefined) return this.#find(among, JSON.parse(text))
    const [, subject = '', version] = /^\/subjects\/(.+)\/versions(?:\/(\d+))?$/.exec(path) ?? []
    if (subject === '') return [404, { error_code: 404, message: 'HTTP 404 Not Found' }]
    if (method === 'POST') return this.#register(subject, JSON.parse(text))
    const found = this.versions(subject)[Number(version) - 1]
    return found === undefined ? [404, { error_code: 40402, message: 'Version not found.' }] : [200, found]
  }

  #find(subject: string, { schema }: { schema: string }): [status: number, body: unknown] {
    const versions = this.versions(subject)
    if (versions.length === 0) return [404, { error_code: 40401, message: `Subject '${subject}' not found.` }]
    const found = versions.find((one) => one.schema === schema)
    return found === undefined ? [404, { error_code: 40403, message: 'Schema not found' }] : [200, found]
  }

  #register(subject: string, body: Partial<Stored> & { schema: string }): [status: number, body: unknown] {
    if (body.schema.includes('incompatible')) {
      return [409, { error_code: 409, message: 'Schema being registered is incompatible with an earlier schema' }]
    }
    return [200, { id: this.add(subject, body.schema, body.schemaType, body.references) }]
  }
}
