import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KafkaError } from '../../protocol/index.ts'
import { VirtualTimers } from '../fixtures/virtual-timers.ts'
import { DEFAULT_GROUP_SETTINGS } from '../group-settings.ts'
import { ClassicGroup } from './classic-group.ts'
import type { Joined, MemberIdRequired } from './member.ts'
import type { StoredClassicGroup } from './stored-group.ts'

const SESSION_MS = 10_000
const REBALANCE_MS = 30_000

/** A consumer that keeps to the protocol: it joins, leads if it is to, asks for its assignment, and joins again when it is told to. */
class Client {
  readonly #world: World
  readonly #instanceId: string | null
  memberId = ''
  generationId = -1
  /** What it does next; `waiting` while the group has not answered. */
  state: 'toJoin' | 'waiting' | 'toSync' | 'stable' | 'dead' = 'toJoin'
  assignment = ''
  #assignments: ReadonlyMap<string, Buffer> = new Map()
  /** Counts what it has asked for: an answer to something older is not its own any more. */
  #asked = 0

  constructor(world: World, instanceId: string | null) {
    this.#world = world
    this.#instanceId = instanceId
  }

  get instanceId(): string | null {
    return this.#instanceId
  }

  step(): void {
    if (this.state === 'toJoin') this.join()
    else if (this.state === 'toSync')
      this.#ask(
        () => this.#sync(),
        (answer) => this.#assigned(answer.assignment),
      )
    else if (this.state === 'stable') this.heartbeat()
  }

  join(): void {
    const { group, hasIds } = this.#world
    const request = {
      memberId: this.memberId,
      groupInstanceId: this.#instanceId,
      clientId: 'client',
      clientHost: '',
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
      mustKnowMemberId: hasIds,
      canSkipAssignment: true,
    }
    this.#ask(
      () => group.join(request),
      (answer) => this.#joined(answer),
    )
  }

  heartbeat(): void {
    try {
      this.#world.group.heartbeat(this.#ref)
    } catch (error) {
      this.#refused(error)
    }
  }

  leave(): void {
    this.state = 'dead'
    this.#asked++
    if (this.#world.group.members.some(({ id }) => id === this.memberId))
      this.#world.group.leave(this.memberId, this.#instanceId)
  }

  /** From now on it says nothing. */
  crash(): void {
    this.state = 'dead'
    this.#asked++
  }

  /** It starts anew, not knowing its member id. */
  restart(): void {
    this.#asked++
    this.memberId = ''
    this.state = 'toJoin'
  }

  get #ref() {
    return { memberId: this.memberId, generationId: this.generationId, groupInstanceId: this.#instanceId }
  }

  #sync() {
    return this.#world.group.sync(this.#ref, this.#assignments)
  }

  #ask<T>(ask: () => Promise<T>, answered: (answer: T) => void): void {
    const asked = ++this.#asked
    this.state = 'waiting'
    const isMine = () => asked === this.#asked
    ask().then(
      (answer) => isMine() && answered(answer),
      (error: unknown) => isMine() && this.#refused(error),
    )
  }

  #joined(answer: Joined | MemberIdRequired): void {
    if ('memberIdRequired' in answer) {
      this.memberId = answer.memberIdRequired
      this.state = 'toJoin'
      return
    }
    this.#world.sawGeneration(answer)
    this.memberId = answer.memberId
    this.generationId = answer.generationId
    const leads = answer.leader === answer.memberId && !answer.skipAssignment
    const ids = answer.members.map(({ memberId }) => memberId)
    this.#assignments = new Map(leads ? ids.map((id) => [id, Buffer.from(`${answer.generationId}`)]) : [])
    this.state = 'toSync'
  }

  #assigned(assignment: Buffer): void {
    this.assignment = assignment.toString()
    this.state = 'stable'
  }

  #refused(error: unknown): void {
    if (!(error instanceof KafkaError)) throw error
    if (error.name === 'UNKNOWN_MEMBER_ID' || error.name === 'FENCED_INSTANCE_ID') this.memberId = ''
    // Another process has its name: it would not try again.
    this.state = error.name === 'FENCED_INSTANCE_ID' ? 'dead' : 'toJoin'
  }
}

class World {
  readonly timers = new VirtualTimers()
  readonly hasIds: boolean
  readonly clients: Client[] = []
  group: ClassicGroup
  #stored: StoredClassicGroup | undefined
  #highest = 0
  readonly #leaders = new Map<number, string>()

  constructor(hasIds: boolean) {
    this.hasIds = hasIds
    this.group = this.#open()
  }

  get alive(): Client[] {
    return this.clients.filter(({ state }) => state !== 'dead')
  }

  add(instanceId: string | null): void {
    // Whoever comes with a name that another has takes its place.
    for (const other of this.alive) if (instanceId !== null && other.instanceId === instanceId) other.crash()
    this.clients.push(new Client(this, instanceId))
  }

  restartBroker(): void {
    this.group.close()
    this.group = this.#open()
  }

  /** One generation follows another, and each has one leader. */
  sawGeneration({ generationId, leader }: Joined): void {
    expect(generationId).toBeGreaterThanOrEqual(this.#highest)
    this.#highest = generationId
    const known = this.#leaders.get(generationId)
    // A leader with an instance id may have got another member id since.
    if (known !== undefined && !leader.startsWith('static')) expect(leader).toBe(known)
    this.#leaders.set(generationId, leader)
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      for (let beat = 0; beat < 8; beat++) {
        for (const client of this.alive) client.step()
        await answers()
      }
      this.timers.advance(SESSION_MS / 2)
      await answers()
    }
  }

  #open(): ClassicGroup {
    const write = async (state: StoredClassicGroup) => {
      this.#stored = JSON.parse(JSON.stringify(state))
    }
    const onError = (error: unknown) => {
      throw error
    }
    return new ClassicGroup(
      'g',
      { timers: this.timers, settings: DEFAULT_GROUP_SETTINGS, write, onError },
      this.#stored,
    )
  }
}

/** Lets everything go on that has been answered. */
const answers = () => new Promise<void>((resolve) => setImmediate(resolve))

type Step = (world: World) => void
const anyClient = (act: (client: Client) => void): fc.Arbitrary<Step> =>
  fc.nat().map((index) => (world) => {
    const client = world.alive[index % world.alive.length]
    if (client !== undefined) act(client)
  })
const add = fc.option(fc.constantFrom('static-1', 'static-2'), { freq: 2 }).map(
  (id): Step =>
    (world) =>
      world.add(id),
)
const steps: fc.Arbitrary<Step>[] = [
  add,
  ...Array.from({ length: 6 }, () => anyClient((client) => client.step())),
  anyClient((client) => client.join()),
  anyClient((client) => client.leave()),
  anyClient((client) => client.crash()),
  anyClient((client) => client.restart()),
  fc.integer({ min: 1, max: REBALANCE_MS }).map((ms) => (world) => world.timers.advance(ms)),
]

test.each([false, true])(
  'whatever members do, the group settles with those that live (ids asked for: %s)',
  async (hasIds) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(...steps), { minLength: 10, maxLength: 60, size: 'max' }), async (history) => {
        const world = new World(hasIds)
        for (const step of history) {
          step(world)
          await answers()
        }
        await world.settle()
        const { alive, group } = world
        expect(alive.map(({ state }) => state)).toEqual(alive.map(() => 'stable'))
        expect(group.members.map(({ id }) => id).sort()).toEqual(alive.map(({ memberId }) => memberId).sort())
        expect(group.state).toBe(alive.length > 0 ? 'Stable' : 'Empty')
        expect(new Set(alive.map(({ generationId }) => generationId)).size).toBeLessThanOrEqual(1)
        for (const { assignment } of alive) expect(Number(assignment)).toBeGreaterThan(0)
        world.restartBroker()
        for (const client of alive) client.heartbeat()
        expect(alive.map(({ state }) => state)).toEqual(alive.map(() => 'stable'))
        world.group.close()
      }),
      { numRuns: 300 },
    )
  },
)
