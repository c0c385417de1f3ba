import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ERROR, KafkaError } from '../../protocol/index.ts'
import { beating, joining, TestTopics } from '../fixtures/heartbeats.ts'
import { type ConsumerGroupState, NEW_GROUP, stateNameOf } from './group-state.ts'
import { type Beaten, type Heartbeat, heartbeat, withMemberAway, withoutMemberAnyMore } from './heartbeat.ts'
import { NO_PARTITIONS, type PartitionSet, partitionSetOf, topicIdOf } from './partition-set.ts'
import { changeBetween, withChange } from './stored-group.ts'

/** A consumer as it sees itself. */
interface Consumer {
  id: string
  epoch: number
  instanceId: string | null
  names: readonly string[]
  /** What it reads from. */
  owned: PartitionSet
  /** Whether it has had no answer, and so says everything again. */
  isInDoubt: boolean
  /** What it was told to have: what it owns beyond that it is giving up. */
  assignment: PartitionSet
}

const TOPICS = ['a', 'b', 'c']

/** A group, consumers that keep to the protocol, and topics; after each step everything that must hold is looked at. */
class World {
  readonly topics = new TestTopics()
  state: ConsumerGroupState = NEW_GROUP
  consumers: Consumer[] = []
  away: Consumer[] = []
  #stored: ConsumerGroupState | undefined
  #ids = 0

  join(names: readonly string[], instanceId: string | null, serverAssignor: string | null): void {
    const isTaken = [...this.consumers, ...this.away].some(
      (one) => one.instanceId !== null && one.instanceId === instanceId,
    )
    const id = `m${++this.#ids}`
    const name = isTaken ? null : instanceId
    const consumer = {
      id,
      epoch: 0,
      instanceId: name,
      names,
      owned: NO_PARTITIONS,
      assignment: NO_PARTITIONS,
      isInDoubt: false,
    }
    this.consumers.push(consumer)
    this.#beat(consumer, joining(id, names, { instanceId: name, serverAssignor }), true)
  }

  subscribe(consumer: Consumer, names: readonly string[]): void {
    consumer.names = names
    this.#beat(consumer, { ...this.#ordinary(consumer), subscribedTopicNames: names }, true)
  }

  /** Where the answer is lost, the consumer knows nothing of it. */
  beat(consumer: Consumer, isHeard: boolean): void {
    this.#beat(consumer, this.#ordinary(consumer), isHeard)
  }

  /** It has stopped reading what it is not to have any more. */
  giveUp(consumer: Consumer): void {
    consumer.owned = consumer.owned.intersection(consumer.assignment)
  }

  /** It is gone, or was not heard of for too long: to the group these are one. */
  remove(consumer: Consumer): void {
    this.consumers = this.consumers.filter((one) => one !== consumer)
    this.#become(withoutMemberAnyMore(this.state, consumer.id, (who) => this.topics.subscriptions.resolve(who)))
  }

  goAway(consumer: Consumer): void {
    if (consumer.instanceId === null) return
    this.consumers = this.consumers.filter((one) => one !== consumer)
    this.away.push(consumer)
    this.#become(withMemberAway(this.state, consumer.id))
  }

  comeBack(): void {
    const consumer = this.away.pop()
    if (consumer === undefined) return
    Object.assign(consumer, {
      id: `m${++this.#ids}`,
      epoch: 0,
      owned: NO_PARTITIONS,
      assignment: NO_PARTITIONS,
      isInDoubt: false,
    })
    this.consumers.push(consumer)
    this.#beat(consumer, joining(consumer.id, consumer.names, { instanceId: consumer.instanceId }), true)
  }

  settle(): void {
    while (this.away.length > 0) this.comeBack()
    for (let round = 0; round < 2 * this.consumers.length + 4; round++)
      for (const consumer of this.consumers) {
        this.giveUp(consumer)
        this.beat(consumer, true)
      }
  }

  #ordinary({ id, epoch, instanceId, owned, names, isInDoubt }: Consumer) {
    const everything = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: names }
    return { ...beating(id, epoch, owned), instanceId, ...(isInDoubt && everything) }
  }

  #beat(consumer: Consumer, request: Heartbeat, isHeard: boolean): void {
    const beaten = this.#heartbeat(request)
    if (beaten === 'fenced') {
      // Only who missed answers can have fallen behind.
      expect(consumer.isInDoubt).toBe(true)
      Object.assign(consumer, { epoch: 0, owned: NO_PARTITIONS, assignment: NO_PARTITIONS })
      this.#beat(consumer, joining(consumer.id, consumer.names, { instanceId: consumer.instanceId }), isHeard)
      return
    }
    this.#become(beaten.state)
    consumer.isInDoubt = !isHeard
    if (!isHeard) return
    expect(beaten.member.epoch).toBeGreaterThanOrEqual(consumer.epoch)
    consumer.epoch = beaten.member.epoch
    if (!beaten.isAssignmentNews) return
    consumer.assignment = beaten.member.assigned
    consumer.owned = consumer.owned.union(beaten.member.assigned)
  }

  #heartbeat(request: Heartbeat): Beaten | 'fenced' {
    try {
      return heartbeat(this.state, request, (who) => this.topics.subscriptions.resolve(who))
    } catch (error) {
      if (error instanceof KafkaError && error.code === ERROR.FENCED_MEMBER_EPOCH) return 'fenced'
      throw error
    }
  }

  #become(next: ConsumerGroupState): void {
    expect(next.epoch).toBeGreaterThanOrEqual(this.state.epoch)
    expect(next.assignmentEpoch).toBeGreaterThanOrEqual(this.state.assignmentEpoch)
    expect(next.assignmentEpoch).toBeLessThanOrEqual(next.epoch)
    const change = JSON.parse(JSON.stringify(changeBetween('g', this.#stored && this.state, next)))
    this.#stored = withChange(this.#stored, change)
    expect(this.#stored).toEqual(next)
    this.state = next
  }

  /** No partition is with two members: not by the group's account, nor by that of those who read. */
  check(): void {
    const members = [...this.state.members.values()]
    expectDisjoint(members.map(({ assigned, pendingRevocation }) => assigned.union(pendingRevocation)))
    expectDisjoint(this.consumers.map(({ owned }) => owned))
    expectDisjoint([...this.state.targets.values()])
  }
}

function expectDisjoint(sets: readonly PartitionSet[]): void {
  const all = sets.flatMap((set) => [...set])
  expect(new Set(all).size).toBe(all.length)
}

type Step = (world: World) => void

const names = fc.subarray(TOPICS, { minLength: 1 })
const anyConsumer = (act: (world: World, consumer: Consumer) => void) =>
  fc.nat().map(
    (index): Step =>
      (world) => {
        const consumer = world.consumers[index % world.consumers.length]
        if (consumer !== undefined) act(world, consumer)
      },
  )
const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(names, fc.option(fc.constantFrom('x', 'y')), fc.option(fc.constantFrom('uniform', 'range'))).map(
    ([topics, instanceId, assignor]): Step =>
      (world) =>
        world.join(topics, instanceId, assignor),
  ),
  names.chain((topics) => anyConsumer((world, consumer) => world.subscribe(consumer, topics))),
  anyConsumer((world, consumer) => world.beat(consumer, true)),
  anyConsumer((world, consumer) => world.beat(consumer, true)),
  anyConsumer((world, consumer) => world.beat(consumer, false)),
  anyConsumer((world, consumer) => world.giveUp(consumer)),
  anyConsumer((world, consumer) => world.remove(consumer)),
  anyConsumer((world, consumer) => world.goAway(consumer)),
  fc.constant((world) => world.comeBack()),
  fc.tuple(fc.constantFrom(...TOPICS), fc.integer({ min: 1, max: 9 })).map(
    ([name, count]): Step =>
      (world) => {
        world.topics.set(name, Math.max(count, world.topics.get(name)?.partitions.length ?? 0))
      },
  ),
  fc.constantFrom(...TOPICS).map(
    (name): Step =>
      (world) =>
        world.topics.delete(name),
  ),
]

test('whatever members and topics do, no partition is read twice, and in the end each by one', () => {
  let settled = 0
  fc.assert(
    fc.property(fc.array(fc.oneof(...steps), { minLength: 15, maxLength: 80, size: 'max' }), (history) => {
      const world = new World()
      world.topics.set('a', 3)
      world.topics.set('b', 5)
      for (const step of history) {
        step(world)
        world.check()
      }
      world.settle()
      world.check()
      if (world.consumers.length === 0) return
      expect(stateNameOf(world.state)).toBe('Stable')
      const wanted = world.topics.list().filter(({ name }) => world.consumers.some((one) => one.names.includes(name)))
      const every = wanted.map(({ id, partitions }) => ({
        topicId: id,
        partitions: [...Array(partitions.length).keys()],
      }))
      const owned = world.consumers.flatMap((consumer) => [...consumer.owned])
      expect(new Set(owned)).toEqual(partitionSetOf(every))
      for (const consumer of world.consumers) {
        const subscribed = new Set(consumer.names.map((name) => world.topics.get(name)?.id))
        for (const partition of consumer.owned) expect(subscribed).toContain(topicIdOf(partition))
      }
      settled++
    }),
    { numRuns: 100 },
  )
  expect(settled).toBeGreaterThan(60)
})
