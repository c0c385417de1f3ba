import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Client, type QueryResultRow } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { PostgresConnection } from './config.ts'
import { planConnection } from './connection.ts'
import { PostgresUnavailableError } from './errors.ts'
import { translate } from './translate.ts'

/** Bytes of a file, `start` inclusive and `end` exclusive; all of it without them. */
export interface FilePart {
  readonly path: string
  readonly start?: number
  readonly end?: number
}

const SETTINGS = `
  SET TIME ZONE 'UTC';
  SET datestyle = 'ISO, YMD';
  SET intervalstyle = 'postgres';
  SET work_mem = '64MB';
  SELECT set_config('synchronous_commit', 'on', false)
  WHERE current_setting('synchronous_commit') = 'off' AND current_setting('fsync') = 'on'`

/** One connection. Its queries throw the client's own errors; `translated` turns them into the catalogue's. */
export class PostgresSession {
  /** `host:port/database`: for messages. */
  readonly server: string
  readonly #client: Client
  #lost = false

  private constructor(server: string, client: Client) {
    this.server = server
    this.#client = client
    // Without a listener an idle connection that breaks would end the process.
    client.on('error', () => {
      this.#lost = true
    })
    client.on('end', () => {
      this.#lost = true
    })
  }

  /** Throws POSTGRES_UNREACHABLE, POSTGRES_AUTH_FAILED, POSTGRES_TLS_FAILED and their like. */
  static async open(settings: PostgresConnection, signal: AbortSignal): Promise<PostgresSession> {
    const { client: config, server } = planConnection(settings)
    const session = new PostgresSession(server, new Client(config))
    try {
      await session.#untilAborted(signal, async () => {
        await session.#client.connect()
        await session.#client.query(SETTINGS)
      })
      return session
    } catch (error) {
      await session.close()
      throw signal.aborted ? signal.reason : translate(error, server, true)
    }
  }

  /** The connection is gone: only a new session helps. */
  get lost(): boolean {
    return this.#lost
  }

  async rows<R extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.#client.query<R>(sql, [...values])).rows
  }

  /** Runs one statement, or several without values; gives how many rows the last one changed. */
  async run(sql: string, values?: readonly unknown[]): Promise<number> {
    const result = await this.#client.query(sql, values === undefined ? undefined : [...values])
    return result.rowCount ?? 0
  }

  /** COPY … FROM STDIN; gives the server's row count. */
  async copy(sql: string, part: FilePart): Promise<number> {
    const { path, start, end } = part
    if (start !== undefined && start === end) return 0
    const range = start === undefined || end === undefined ? {} : { start, end: end - 1 }
    const file = createReadStream(path, { ...range, highWaterMark: 256 * 1024 })
    const target = this.#client.query(copyFrom(sql))
    await pipeline(file, target)
    return target.rowCount
  }

  /** All of `work` or nothing. When the connection breaks during COMMIT, nobody knows which: the error is one to retry. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.run('BEGIN ISOLATION LEVEL READ COMMITTED')
    let result: T
    try {
      result = await work()
    } catch (error) {
      await this.#rollback()
      throw error
    }
    const { command } = await this.#client.query('COMMIT')
    // A server that could not commit may answer ROLLBACK instead of an error.
    if (command !== 'COMMIT')
      throw new PostgresUnavailableError({ server: this.server, reason: `COMMIT gave ${command}` })
    return result
  }

  /** Does `work` and undoes it. */
  async trial<T>(work: () => Promise<T>): Promise<T> {
    await this.run('BEGIN ISOLATION LEVEL READ COMMITTED')
    try {
      return await work()
    } finally {
      await this.#rollback()
    }
  }

  /** Runs `work` with the catalogue's errors, and gives up the connection when the signal comes first. */
  async translated<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    try {
      return await this.#untilAborted(signal, work)
    } catch (error) {
      throw signal.aborted ? signal.reason : translate(error, this.server)
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }

  async #untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    // With a query under way, the client ends by closing the socket: the server rolls back.
    const stop = () => void this.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await work()
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async #rollback(): Promise<void> {
    // On a broken connection there is nothing to undo: the server has done it.
    await this.run('ROLLBACK').catch(() => {
      this.#lost = true
    })
  }
}
