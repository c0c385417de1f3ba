import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'

/** How a mount namespace of one's own is made here: as root, or by a user who becomes root in a namespace of users. */
const WAYS = [
  { make: ['-m'], enter: ['-m'] },
  { make: ['-r', '-m'], enter: ['-U', '-m', '--preserve-credentials'] },
] as const

const way = WAYS.find(({ make }) => {
  const tried = spawnSync('unshare', [...make, 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt && nsenter --version'])
  return tried.status === 0
})

/** Whether small and read-only file systems can be mounted for a test, where nobody else sees them. */
export const canMount = way !== undefined

/** Added to a test's name where it cannot run. */
export const mountingNeeds = canMount ? '' : ' (needs Linux, and the right to mount file systems)'

/** A file system of a few megabytes on a folder, seen only by programs that are started `within` it. It goes with this process. */
export class SmallDisk {
  readonly folder: string
  /** For programs that shall see it: their own command follows. They work in the folder above. */
  readonly within: readonly string[]
  readonly #holder: ChildProcessWithoutNullStreams

  private constructor(folder: string, holder: ChildProcessWithoutNullStreams, enter: readonly string[]) {
    this.folder = folder
    this.#holder = holder
    const script = 'cd "$0" && exec "$@"'
    this.within = ['nsenter', '-t', String(holder.pid), ...enter, 'sh', '-c', script, dirname(folder)]
  }

  static async mount(folder: string, megabytes: number): Promise<SmallDisk> {
    if (way === undefined) throw new Error('file systems cannot be mounted here')
    // The shell obeys line by line, and ends with its input.
    const holder = spawn('unshare', [...way.make, 'sh'])
    const disk = new SmallDisk(folder, holder, way.enter)
    await disk.do(`mount -t tmpfs -o size=${megabytes}m headrace-test ${folder}`)
    return disk
  }

  /** Runs a shell command where the disk is seen. */
  async do(command: string): Promise<void> {
    let output = ''
    const hear = (text: Buffer) => {
      output += text.toString()
    }
    this.#holder.stdout.on('data', hear)
    this.#holder.stderr.on('data', hear)
    this.#holder.stdin.write(`${command}\necho "done $?"\n`)
    while (!/done \d+\n$/.test(output)) await once(this.#holder.stdout, 'data')
    this.#holder.stdout.off('data', hear)
    this.#holder.stderr.off('data', hear)
    if (!output.endsWith('done 0\n')) throw new Error(`${command}: ${output}`)
  }

  async readOnly(on: boolean): Promise<void> {
    await this.do(`mount -o remount,${on ? 'ro' : 'rw'} ${this.folder}`)
  }

  /** Leaves only so much free, by a file that `free` takes away. */
  async fill(leaveKilobytes: number): Promise<void> {
    const free = `$(df --output=avail -k ${this.folder} | tail -1)`
    await this.do(`head -c $(( (${free} - ${leaveKilobytes}) * 1024 )) /dev/zero > ${this.folder}/filling`)
  }

  async free(): Promise<void> {
    await this.do(`rm ${this.folder}/filling`)
  }

  async unmount(): Promise<void> {
    this.#holder.stdin.end()
    if (this.#holder.exitCode === null) await once(this.#holder, 'exit')
  }
}
