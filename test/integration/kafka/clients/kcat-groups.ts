import { deepEqual, equal } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { RunningProgram } from '../../../support/running-program.ts'
import type { Feature } from '../features.ts'
import type { Kcat } from './kcat.ts'
import { until } from './until.ts'

const SETTINGS = ['auto.offset.reset=earliest', 'heartbeat.interval.ms=100', 'session.timeout.ms=10000']

/** `… (memberid m): assigned: t [0], t [1]`, or of a cooperative rebalance `…: incremental assignment of 2 partition(s) (…): t [0], t [1]`. */
const CHANGE = /rebalanced.*: (?:incremental )?(assign|revoke)\w*(?:: | .*\): )(.*)$/

/** One member: what it says of its partitions, what it reads. */
class Member {
  readonly program: RunningProgram
  revoked = 0
  assignments = 0

  constructor(kcat: Kcat, group: string, subscription: string, settings: readonly string[] = []) {
    const all = [...SETTINGS, ...settings].flatMap((setting) => ['-X', setting])
    this.program = kcat.start(['-G', group, '-u', '-f', '%s\\n', ...all, subscription])
  }

  owned(): string[] {
    const owned = new Set<string>()
    this.revoked = 0
    this.assignments = 0
    for (const line of this.program.complaints) {
      const [, change, list] = CHANGE.exec(line) ?? []
      if (change === undefined) continue
      const partitions = list?.split(', ').filter((each) => each !== '') ?? []
      for (const each of partitions) change === 'assign' ? owned.add(each) : owned.delete(each)
      if (change === 'assign') this.assignments++
      else this.revoked += partitions.length
    }
    return [...owned].sort()
  }

  owns(count: number): Promise<void> {
    return until(`it owns ${count} partitions`, () => this.owned().length === count)
  }

  async close(): Promise<void> {
    await this.program.end('SIGTERM')
  }
}

function shared(members: readonly Member[], each: number): Promise<void> {
  return until(`${each} partitions each`, () => {
    const owned = members.map((member) => member.owned())
    return owned.every(({ length }) => length === each) && new Set(owned.flat()).size === each * members.length
  })
}

/** Groups of kcat's balanced consumers. */
export function kcatGroupChecks(kcat: Kcat): Partial<Record<Feature, () => Promise<void>>> {
  const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix} ${i}`)
  const randomly = ['-X', 'linger.ms=0', '-X', 'sticky.partitioning.linger.ms=0']
  const read = (members: readonly Member[]) => members.flatMap(({ program }) => program.lines)

  const allRead = (members: readonly Member[], count: number) =>
    until(`${count} records`, () => read(members).length >= count)

  return {
    group: async () => {
      const topic = await kcat.topic(6)
      const group = randomUUID()
      const members = [1, 2, 3].map(() => new Member(kcat, group, topic))
      await shared(members, 2)
      await kcat.produce(topic, numbered('a', 300), ...randomly)
      await allRead(members, 300)
      await members[0]?.close()
      await shared(members.slice(1), 3)
      await kcat.produce(topic, numbered('b', 60), ...randomly)
      await allRead(members, 360)
      deepEqual(read(members).sort(), [...numbered('a', 300), ...numbered('b', 60)].sort())
      await kcat.close()
    },
    resume: async () => {
      const topic = await kcat.topic()
      const group = randomUUID()
      for (const round of ['early', 'late']) {
        await kcat.produce(topic, numbered(round, 5))
        const args = ['-G', group, '-q', '-c', '5', ...SETTINGS.flatMap((setting) => ['-X', setting]), topic]
        deepEqual((await kcat.run(args)).trim().split('\n'), numbered(round, 5))
      }
    },
    pattern: async () => {
      const prefix = `kcat-${randomUUID()}`
      await kcat.produce(await kcat.topic(1, {}, prefix), ['first'])
      const member = new Member(kcat, randomUUID(), `^${prefix}.*`, ['topic.metadata.refresh.interval.ms=200'])
      await allRead([member], 1)
      await kcat.produce(await kcat.topic(1, {}, prefix), ['second'])
      await allRead([member], 2)
      deepEqual(member.program.lines, ['first', 'second'])
      await kcat.close()
    },
    cooperative: async () => {
      const topic = await kcat.topic(6)
      const group = randomUUID()
      const settings = ['partition.assignment.strategy=cooperative-sticky']
      const first = new Member(kcat, group, topic, settings)
      await first.owns(6)
      const second = new Member(kcat, group, topic, settings)
      await shared([first, second], 3)
      deepEqual([first.revoked, second.revoked], [3, 0])
      await second.close()
      await first.owns(6)
      await kcat.close()
    },
    staticMember: async () => {
      const topic = await kcat.topic(4)
      const group = randomUUID()
      const stays = new Member(kcat, group, topic, ['group.instance.id=one'])
      const goes = new Member(kcat, group, topic, ['group.instance.id=two'])
      await shared([stays, goes], 2)
      const had = goes.owned()
      const { assignments } = stays
      await goes.close()
      const back = new Member(kcat, group, topic, ['group.instance.id=two'])
      await back.owns(2)
      deepEqual(back.owned(), had)
      stays.owned()
      equal(stays.assignments, assignments)
      await kcat.close()
    },
  }
}
