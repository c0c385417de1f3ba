import { partitionName } from '../position.ts'
import type { Subscription, TopicPartition } from './group-assignment.ts'

/** Members by their id. */
type Members = ReadonlyMap<string, Subscription>
/** How many partitions each topic has. */
type PartitionCounts = ReadonlyMap<string, number>
type Assignment = Map<string, TopicPartition[]>

/**
 * How a classic group's partitions are handed out, by the names under which Kafka's clients know it. A group takes one that all
 * its members offer, and which more of them prefer; ours prefer them in this order.
 */
export const ASSIGNORS: ReadonlyMap<string, (members: Members, counts: PartitionCounts) => Assignment> = new Map([
  ['range', assignRange],
  ['roundrobin', assignRoundRobin],
  ['cooperative-sticky', assignCooperative],
])

/** Topic by topic, each member (by id) a run of neighbouring partitions; the first ones get one more where it does not divide. */
export function assignRange(members: Members, counts: PartitionCounts): Assignment {
  const assigned = nothingFor(members)
  for (const topic of [...counts.keys()].sort()) {
    const count = counts.get(topic) ?? 0
    const interested = subscribersOf(members, topic)
    let next = 0
    interested.forEach((member, i) => {
      const share = Math.floor(count / interested.length) + (i < count % interested.length ? 1 : 0)
      for (let taken = 0; taken < share; taken++) assigned.get(member)?.push({ topic, index: next++ })
    })
  }
  return assigned
}

/** All partitions in turn, to the members in turn; who does not subscribe to a topic is passed over. */
export function assignRoundRobin(members: Members, counts: PartitionCounts): Assignment {
  const assigned = nothingFor(members)
  const ids = [...members.keys()].sort()
  let turn = 0
  for (const one of partitionsOf(counts)) {
    const isInterested = (i: number) => members.get(ids[i % ids.length] as string)?.topics.includes(one.topic) === true
    const tries = ids.findIndex((_, i) => isInterested(turn + i))
    if (tries < 0) continue
    turn += tries
    assigned.get(ids[turn++ % ids.length] as string)?.push(one)
  }
  return assigned
}

/**
 * Evenly, with everybody keeping what it has where that is possible. What moves is handed out in two rounds: a partition that
 * another member still says to own goes to nobody; its owner sees that, gives it up and joins again. Source: KIP-429.
 */
export function assignCooperative(members: Members, counts: PartitionCounts): Assignment {
  const target = evenly(members, counts)
  const claims = new Map<string, string[]>()
  for (const [member, { owned }] of members) {
    for (const one of owned) claims.set(nameOf(one), [...(claims.get(nameOf(one)) ?? []), member])
  }
  return new Map(
    [...target].map(([member, partitions]) => {
      const isFree = (one: TopicPartition) => (claims.get(nameOf(one)) ?? []).every((claimant) => claimant === member)
      return [member, partitions.filter(isFree)]
    }),
  )
}

function evenly(members: Members, counts: PartitionCounts): Assignment {
  const assigned = nothingFor(members)
  const load = (member: string) => assigned.get(member)?.length ?? 0
  const leastOf = (ids: readonly string[]) => ids.toSorted((a, b) => load(a) - load(b) || (a < b ? -1 : 1))[0]
  const owners = ownersOf(members)
  const free: TopicPartition[] = []
  for (const one of partitionsOf(counts)) {
    const owner = owners.get(nameOf(one))
    if (owner !== undefined && members.get(owner)?.topics.includes(one.topic)) assigned.get(owner)?.push(one)
    else free.push(one)
  }
  const interested = new Map([...counts.keys()].map((topic) => [topic, subscribersOf(members, topic)]))
  for (const one of free) assigned.get(leastOf(interested.get(one.topic) ?? []) ?? '')?.push(one)
  // Each move makes it more even, so that it comes to an end.
  for (let moved = true; moved; ) {
    moved = false
    for (const member of [...members.keys()].toSorted((a, b) => load(b) - load(a))) {
      for (const one of assigned.get(member)?.toReversed() ?? []) {
        const least = leastOf(interested.get(one.topic) ?? [])
        if (least === undefined || load(member) - load(least) < 2) continue
        assigned.set(
          member,
          (assigned.get(member) ?? []).filter((other) => other !== one),
        )
        assigned.get(least)?.push(one)
        moved = true
      }
    }
  }
  return assigned
}

/** Who owns what, of those that say so: one that missed generations does not own any more what another one claims. */
function ownersOf(members: Members): ReadonlyMap<string, string> {
  const owners = new Map<string, { readonly member: string | undefined; readonly generation: number }>()
  for (const [member, { owned, generation }] of members) {
    for (const one of owned) {
      const known = owners.get(nameOf(one))
      if (known === undefined || generation > known.generation) owners.set(nameOf(one), { member, generation })
      else if (generation === known.generation) owners.set(nameOf(one), { member: undefined, generation })
    }
  }
  return new Map([...owners].flatMap(([name, { member }]) => (member === undefined ? [] : [[name, member]])))
}

function subscribersOf(members: Members, topic: string): readonly string[] {
  return [...members].flatMap(([member, { topics }]) => (topics.includes(topic) ? [member] : [])).sort()
}

function partitionsOf(counts: PartitionCounts): readonly TopicPartition[] {
  return [...counts.keys()].sort().flatMap((topic) => {
    return Array.from({ length: counts.get(topic) ?? 0 }, (_, index) => ({ topic, index }))
  })
}

function nothingFor(members: Members): Assignment {
  return new Map([...members.keys()].map((member) => [member, []]))
}

function nameOf({ topic, index }: TopicPartition): string {
  return partitionName(topic, index)
}
