import { spawnSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { SmallDisk } from './mounts.ts'

const IMAGE_MEGABYTES = 64
const BACKING_MEGABYTES = 24

// Without a journal: it would make the file system read-only where a disk is to fail at some places only.
const MAKE = 'mkfs.ext4 -q -m 0 -O ^has_journal -E nodiscard,lazy_itable_init=0'

const trial = [
  'set -e',
  'mount -t tmpfs -o size=8m none /mnt',
  'truncate -s 4m /mnt/image',
  `${MAKE} /mnt/image`,
  'mkdir /mnt/disk',
  'mount -o loop /mnt/image /mnt/disk',
]

/** Whether a block device can be made that fails. That takes more rights than mounting. */
export const canFailDisk = spawnSync('unshare', ['-m', 'sh', '-c', trial.join('\n')]).status === 0

/** Added to a test's name where it cannot run. */
export const failingNeeds = canFailDisk ? '' : ' (needs Linux, root and loop devices)'

/**
 * A disk with a real file system whose blocks are in a sparse file on a small disk. Once that is full, blocks that have not been written
 * before cannot be: the file system takes writes, and forcing them to the disk fails, once.
 */
export class FailingDisk {
  readonly folder: string
  readonly within: readonly string[]
  readonly #backing: SmallDisk
  readonly #image: string

  private constructor(folder: string, backing: SmallDisk) {
    this.folder = folder
    this.#backing = backing
    this.within = backing.within
    this.#image = path.join(backing.folder, 'image')
  }

  /** Two folders are made in `folder`; that of the disk is told. */
  static async mount(folder: string): Promise<FailingDisk> {
    const [backing, disk] = [path.join(folder, 'backing'), path.join(folder, 'disk')]
    await Promise.all([mkdir(backing), mkdir(disk)])
    const failing = new FailingDisk(disk, await SmallDisk.mount(backing, BACKING_MEGABYTES))
    await failing.#backing.do(`truncate -s ${IMAGE_MEGABYTES}m ${failing.#image} && ${MAKE} ${failing.#image}`)
    await failing.#attach()
    return failing
  }

  async fail(): Promise<void> {
    await this.#backing.do(`sync -f ${this.folder}`)
    // Until nothing fits any more, whatever else is written meanwhile.
    await this.#backing.do(`cat /dev/zero > ${this.#backing.folder}/filling 2>/dev/null; true`)
  }

  async mend(): Promise<void> {
    await this.#backing.free()
  }

  /** Forgets what is in the memory of the operating system only, as a power failure does. Nobody may be using the disk. */
  async forget(): Promise<void> {
    await this.#backing.do(`umount ${this.folder}`)
    await this.#attach()
  }

  async unmount(): Promise<void> {
    await this.#backing.do(`umount ${this.folder}`)
    await this.#backing.unmount()
  }

  async #attach(): Promise<void> {
    await this.#backing.do(`mount -o loop ${this.#image} ${this.folder}`)
  }
}
