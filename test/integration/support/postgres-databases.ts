import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type PostgresService, startPostgres } from 'headrace'
import { Client, type QueryResultRow } from 'pg'

/** A database that one test has for itself. */
export interface TestDatabase {
  readonly url: string
  query<R extends QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>
  drop(): Promise<void>
}

/** An embedded server for one test file, with as many fresh databases as its tests want. */
export class TestPostgres {
  readonly service: PostgresService
  readonly #directory: string
  readonly #admin: Client
  #count = 0

  private constructor(service: PostgresService, directory: string, admin: Client) {
    this.service = service
    this.#directory = directory
    this.#admin = admin
  }

  static async start(): Promise<TestPostgres> {
    const directory = await mkdtemp(path.join(tmpdir(), 'headrace-postgres-'))
    const service = await startPostgres({ directory, durable: false })
    const admin = new Client({ connectionString: service.url })
    await admin.connect()
    return new TestPostgres(service, directory, admin)
  }

  async createDatabase(): Promise<TestDatabase> {
    this.#count += 1
    const name = `test_${this.#count}`
    await this.#admin.query(`CREATE DATABASE ${name}`)
    const url = this.service.url.replace(/[^/]*$/, name)
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query("SET TIME ZONE 'UTC'")
    return {
      url,
      query: async <R extends QueryResultRow>(sql: string, values: unknown[] = []) =>
        (await client.query<R>(sql, values)).rows,
      drop: async () => {
        await client.end()
        await this.#admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      },
    }
  }

  async stop(): Promise<void> {
    await this.#admin.end()
    await this.service.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }
}
