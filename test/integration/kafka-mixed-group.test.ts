import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { librdkafka, PYTHON_MEMBER } from './kafka/clients/python.ts'
import { GroupProcess } from './support/group-process.ts'
import { kafkaScene } from './support/kafka-scene.ts'

const PARTITIONS = [0, 1, 2, 3]

const python = await librdkafka()
const { places, closing } = await kafkaScene()

/** A member that is librdkafka's. */
class ForeignMember {
  owned: readonly number[] = []
  readonly values: string[] = []
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: Interface
  readonly #ended: Promise<unknown[]>

  constructor(args: readonly string[]) {
    this.#child = spawn('python3', [PYTHON_MEMBER, ...args], { env: python.env, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#ended = once(this.#child, 'close')
    this.#lines = createInterface({ input: this.#child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as { owned: number[] } | { read: string }
      if ('owned' in line) this.owned = line.owned
      else this.values.push(line.read)
    })
    closing.push(this)
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const line = once(this.#lines, 'line').then(() => true)
      const isOn = await Promise.race([line, this.#ended.then(() => false)])
      if (!isOn && !holds()) throw new Error(`the member ended with ${this.#child.exitCode}`)
    }
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    this.#child.stdin.end()
    await this.#ended
  }
}

describe.skipIf(python.missing !== undefined)(
  `in one group with librdkafka ${python.version || python.missing}`,
  () => {
    const write = async (topic: string, text: string, count: number) => {
      for (const partition of PARTITIONS) {
        const records = Array.from({ length: count }, (_, i) => ({
          value: Buffer.from(`${text} ${partition} ${i}`),
          timestamp: 1_700_000_000_000,
        }))
        await places.write(topic, partition, records)
      }
    }

    // Who comes first hands out the partitions.
    test.each([
      ['ours', 'cooperative-sticky'],
      ['theirs', 'cooperative-sticky'],
      ['ours', 'roundrobin'],
    ])('%s leads, %s: every record is read by one of them', async (leader, assignors) => {
      const topic = await places.topic(PARTITIONS.length)
      const group = `g-${topic}`
      const theirs = () => new ForeignMember([places.bootstrap, group, topic, assignors])
      const ours = async () => {
        const made = new GroupProcess(places.source({ topic, group }))
        closing.push(made)
        return made.begin()
      }
      await write(topic, 'alone', 5)
      let foreign: ForeignMember
      let own: GroupProcess
      if (leader === 'ours') {
        own = await ours()
        await own.until(() => own.values.length === 20)
        foreign = theirs()
      } else {
        foreign = theirs()
        await foreign.until(() => foreign.values.length === 20)
        own = await ours()
      }
      await own.until(() => own.owned.length === 2)
      await foreign.until(() => foreign.owned.length === 2)
      await write(topic, 'together', 5)
      const both = () => [...own.values, ...foreign.values]
      await own.until(() => both().length >= 40)
      await foreign.close()
      await write(topic, 'again', 5)
      await own.until(() => both().length >= 60)
      expect(new Set(both()).size).toBe(60)
      expect(both()).toHaveLength(60)
      expect(own.owned).toHaveLength(4)
    })
  },
)
