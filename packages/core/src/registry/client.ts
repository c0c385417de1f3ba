import type { HeadraceError } from '../errors/index.ts'
import type { RegistryConnection } from './connection.ts'
import {
  RegistryAuthError,
  RegistrySchemaMissingError,
  RegistrySchemaRefusedError,
  RegistrySchemaUnregisteredError,
  RegistryUnexpectedError,
  RegistryUnreachableError,
} from './errors.ts'
import { exchange, type HttpAnswer } from './http.ts'

/** An id that the registry does not know is asked about again after this: it may have come late. */
const MISSING_MS = 10_000

export type SchemaType = 'AVRO' | 'PROTOBUF' | 'JSON'

/** A schema with all that it refers to. */
export interface RegisteredSchema {
  readonly type: SchemaType
  readonly text: string
  /** By the name that the text knows it under: an Avro name, a .proto path, a URI. */
  readonly references: readonly (RegisteredSchema & { readonly name: string })[]
}

interface Reference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

interface SchemaAnswer {
  readonly schema: string
  readonly schemaType?: string
  readonly references?: readonly Reference[]
}

/**
 * A client of the schema registry protocol that Confluent's registry, Apicurio's, Karapace and Redpanda speak. Schemas never
 * change, so what was read or registered once is not asked for again. Throws the catalogue's REGISTRY_… errors.
 */
export class SchemaRegistry {
  readonly #connection: RegistryConnection
  readonly #urls: readonly string[]
  readonly #schemas = new Map<number, Promise<RegisteredSchema>>()
  readonly #missing = new Map<number, { readonly error: HeadraceError; readonly until: number }>()
  readonly #ids = new Map<string, Promise<number>>()
  /** The one of the addresses that answered last. */
  #current = 0

  constructor(connection: RegistryConnection) {
    this.#connection = connection
    this.#urls = [connection.url].flat()
  }

  /** GET /schemas/ids/{id}, and what it refers to. */
  async schema(id: number): Promise<RegisteredSchema> {
    const missing = this.#missing.get(id)
    if (missing !== undefined && Date.now() < missing.until) throw missing.error
    return remembered(this.#schemas, id, async () => {
      try {
        return await this.#resolved(await this.#get(`/schemas/ids/${id}`, `schema ${id}`))
      } catch (error) {
        if (error instanceof RegistrySchemaMissingError) {
          this.#missing.set(id, { error, until: Date.now() + MISSING_MS })
        }
        throw error
      }
    })
  }

  /** The schema’s id under the subject, where it is registered unless it is there already. */
  register(subject: string, type: SchemaType, schema: string): Promise<number> {
    return this.#post(`/subjects/${encodeURIComponent(subject)}/versions`, subject, type, schema)
  }

  /** The id of a schema that is registered under the subject. */
  find(subject: string, type: SchemaType, schema: string): Promise<number> {
    return this.#post(`/subjects/${encodeURIComponent(subject)}`, subject, type, schema)
  }

  #post(path: string, subject: string, type: SchemaType, schema: string): Promise<number> {
    return remembered(this.#ids, JSON.stringify([path, type, schema]), async () => {
      const answer = await this.#ask(path, type === 'AVRO' ? { schema } : { schema, schemaType: type })
      if (answer.status === 409 || answer.status === 422) {
        throw new RegistrySchemaRefusedError({ subject, reason: messageOf(answer) })
      }
      if (isProtocol404(answer)) throw new RegistrySchemaUnregisteredError({ url: this.#url, subject, schema })
      const { id } = this.#body<{ id?: unknown }>(answer)
      if (typeof id !== 'number') throw this.#unexpected('it gives no id')
      return id
    })
  }

  async #resolved({ schema, schemaType = 'AVRO', references = [] }: SchemaAnswer): Promise<RegisteredSchema> {
    const resolved = references.map(async ({ name, subject, version }) => {
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
      const found = await this.#get(path, `version ${version} of subject "${subject}"`)
      return { name, ...(await this.#resolved(found)) }
    })
    return { type: schemaType as SchemaType, text: schema, references: await Promise.all(resolved) }
  }

  async #get(path: string, what: string): Promise<SchemaAnswer> {
    const answer = await this.#ask(path)
    if (isProtocol404(answer)) {
      throw new RegistrySchemaMissingError({ url: this.#url, schema: what })
    }
    const found = this.#body<Partial<SchemaAnswer>>(answer)
    if (typeof found.schema !== 'string') throw this.#unexpected('it gives no schema')
    return found as SchemaAnswer
  }

  #body<T>(answer: HttpAnswer): T {
    const body = parsed(answer)
    if (answer.status === 200 && body !== undefined) return body as T
    throw this.#unexpected(`${answer.status} ${messageOf(answer)}`)
  }

  /** An answer that is no failure of the server's, from the first address that has one. */
  async #ask(path: string, body?: unknown): Promise<HttpAnswer> {
    let failure: HeadraceError | undefined
    for (let tried = 0; tried < this.#urls.length; tried++) {
      try {
        return await this.#askCurrent(path, body)
      } catch (error) {
        if (!(error instanceof RegistryUnreachableError)) throw error
        failure ??= error
        this.#current = (this.#current + 1) % this.#urls.length
      }
    }
    throw failure ?? this.#unexpected('it has no address')
  }

  async #askCurrent(path: string, body: unknown): Promise<HttpAnswer> {
    const url = this.#url
    let answer: HttpAnswer
    try {
      answer = await exchange(new URL(url.replace(/\/+$/, '') + path), this.#connection, body)
    } catch (cause) {
      throw failureOf(url, cause)
    }
    const reason = `${answer.status} ${messageOf(answer)}`
    if (answer.status === 401 || answer.status === 403) throw new RegistryAuthError({ url, reason })
    if (answer.status >= 500 || answer.status === 429) throw new RegistryUnreachableError({ url, reason })
    return answer
  }

  get #url(): string {
    return this.#urls[this.#current] ?? ''
  }

  #unexpected(reason: string): HeadraceError {
    return new RegistryUnexpectedError({ url: this.#url, reason })
  }
}

/** A certificate that does not hold is no better the next time. */
function failureOf(url: string, cause: unknown): HeadraceError {
  const error = cause instanceof AggregateError ? cause.errors[0] : cause
  const { code = '', message } = error as NodeJS.ErrnoException
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/.test(code)) {
    return new RegistryAuthError({ url, reason: message }, { cause })
  }
  return new RegistryUnreachableError({ url, reason: message }, { cause })
}

function parsed({ text }: HttpAnswer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    // No JSON: what to make of that is for the caller to say.
    return undefined
  }
}

/** Only with a code of the protocol's own: any web server has a 404. */
function isProtocol404(answer: HttpAnswer): boolean {
  return answer.status === 404 && /^404\d\d$/.test(String(parsed(answer)?.error_code))
}

function messageOf(answer: HttpAnswer): string {
  const message = parsed(answer)?.message
  return typeof message === 'string' ? message : answer.reason
}

/** What the map holds, or what `ask` gives, which is kept unless it fails. */
function remembered<K, V>(known: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> {
  const found = known.get(key)
  if (found !== undefined) return found
  const asked = ask()
  known.set(key, asked)
  asked.catch(() => known.delete(key))
  return asked
}
