import { type FileHandle, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { readFileIfAny, syncFolder } from './durable-file.ts'

/** The disk did not keep what was written to a file. Nobody can say what of it is there. */
export class UnkeptError extends Error {
  /** By which it is known as the operating system's. */
  readonly syscall = 'fdatasync'

  constructor(file: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`the disk failed to keep what was written to ${file}: ${reason}`, { cause })
    this.name = 'UnkeptError'
  }
}

/**
 * Forces what is written to one file to the disk. Once that has failed it fails for good: the operating system tells of it once, and takes
 * what it lost for written from then on, so that another attempt would succeed.
 */
export class ForcedFile {
  readonly #file: string
  readonly #handle: FileHandle
  #isNamed: boolean
  #forced: Promise<void> = Promise.resolve()

  /** `isNew`: its name, too, has yet to get to the disk. */
  constructor(file: string, handle: FileHandle, isNew = false) {
    this.#file = file
    this.#handle = handle
    this.#isNamed = !isNew
  }

  /** Resolves when all that was written before is on the disk. Rejects with `UnkeptError`. */
  force(): Promise<void> {
    // One after the other: of two at a time only one is told of a failure.
    this.#forced = this.#forced.then(() => this.#force())
    return this.#forced
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#forced.catch(() => undefined)
  }

  async #force(): Promise<void> {
    try {
      await this.#handle.datasync()
      if (!this.#isNamed) await syncFolder(path.dirname(this.#file))
      this.#isNamed = true
    } catch (cause) {
      // It need not get to the disk: after a restart of the machine nothing is taken for written that is not.
      await writeFile(unkeptNote(this.#file), '').catch(() => undefined)
      throw new UnkeptError(this.#file, cause)
    }
  }
}

/** Whether the disk has failed to keep a file that may look whole as long as it is in memory. It has to be written anew. */
export async function isUnkept(file: string): Promise<boolean> {
  return (await readFileIfAny(unkeptNote(file))) !== undefined
}

/** To be called once all of the file has been written anew, and is on the disk. */
export async function forgetUnkept(file: string): Promise<void> {
  await rm(unkeptNote(file), { force: true })
}

function unkeptNote(file: string): string {
  return `${file}.unkept`
}
