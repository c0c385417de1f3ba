import fs from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DataDirLockedError } from '../errors.ts'

const SQLITE_BUSY = 5

/**
 * Keeps other brokers out of a data folder. The lock is the operating system's own, on an empty SQLite file: it goes with the process,
 * however that ends, so that nothing stale is left after SIGKILL.
 */
export class DataDirLock {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Throws `DataDirLockedError` where another broker, of this process or another, has the folder. */
  static async acquire(dataDir: string): Promise<DataDirLock> {
    const pidFile = path.join(dataDir, 'broker.pid')
    const database = new DatabaseSync(path.join(dataDir, '.lock'), { timeout: 0 })
    try {
      database.exec('BEGIN EXCLUSIVE')
    } catch (cause) {
      database.close()
      if (!isBusy(cause)) throw cause
      throw new DataDirLockedError(dataDir, await ownerOf(pidFile), { cause })
    }
    await fs.writeFile(pidFile, `${process.pid}\n`)
    return new DataDirLock(database)
  }

  release(): void {
    this.#database.close()
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}

/** The process that says it has the folder; only for the message. */
async function ownerOf(pidFile: string): Promise<number | undefined> {
  const content = await fs.readFile(pidFile, 'utf8').catch(() => '')
  return Number.parseInt(content, 10) || undefined
}
