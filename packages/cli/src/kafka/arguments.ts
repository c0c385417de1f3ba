import { InvalidArgumentError } from '@commander-js/extra-typings'
import { parseDuration } from '@headrace/core/units'
import { integerArgument, momentArgument } from '../options.ts'
import type { ResetTarget } from './admin/plan-reset.ts'

/**
 * Reads `earliest`, `latest`, an offset (`1200`), a shift (`+100`, `-100`), a time (`2026-11-20T10:00:00Z`) or one that long
 * ago (`15m ago`). Throws commander's InvalidArgumentError.
 */
export function resetTargetArgument(text: string): ResetTarget {
  const start = startOf(text, 'earliest, latest, an offset, a shift (+100, -100), a time, or "15m ago"')
  if (start.kind === 'offset' && /^[+-]/.test(text)) return { kind: 'shift', by: start.offset }
  return start
}

/** Where reading begins. */
export type StartTarget = Exclude<ResetTarget, { kind: 'shift' }>

/** The same without shifts: where reading begins. `-100` is an offset of −100, for the caller to make sense of. */
export function startArgument(text: string): StartTarget {
  return startOf(text, 'earliest, latest, an offset, the last n (-10), a time, or "15m ago"')
}

function startOf(text: string, choices: string): StartTarget {
  if (text === 'earliest' || text === 'latest') return { kind: text }
  if (/^[+-]?\d+$/.test(text)) return { kind: 'offset', offset: integerArgument(text) }
  const ago = /^(.+?)\s*ago$/.exec(text)?.[1]
  if (ago !== undefined) return { kind: 'timestamp', timestampMs: Date.now() - durationOf(ago) }
  if (!/^\d{4}-\d\d-\d\d/.test(text)) {
    throw new InvalidArgumentError(`It must be ${choices}.`)
  }
  return { kind: 'timestamp', timestampMs: momentArgument(text) }
}

/** A topic, and the partitions of it that are meant: all unless named. */
export interface TopicPartitions {
  readonly topic: string
  readonly partitions?: readonly number[]
}

/** Collects `trades` and `trades:0,2`, given any number of times. */
export function topicPartitionsArgument(text: string, before: readonly TopicPartitions[]): readonly TopicPartitions[] {
  const [topic = '', list, ...more] = text.split(':')
  const partitions = list?.split(',').map(partitionArgument)
  if (topic === '' || more.length > 0) throw new InvalidArgumentError('It must look like trades or trades:0,2.')
  return [...before, partitions === undefined ? { topic } : { topic, partitions }]
}

/** The number of a partition: from 0 on. */
export function partitionArgument(text: string): number {
  const partition = integerArgument(text)
  if (partition < 0) throw new InvalidArgumentError('Partitions are numbered from 0.')
  return partition
}

function durationOf(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}
