import { KafkaError } from '../../protocol/index.ts'
import type { ConsumerMember } from './member.ts'

/** What groups need to know of the broker's topics. */
export interface TopicsView {
  get(name: string): SubscribableTopic | undefined
  list(): readonly SubscribableTopic[]
  /** Another number whenever `list` would answer otherwise. */
  readonly revision: number
}

interface SubscribableTopic {
  readonly name: string
  readonly id: string
  readonly partitions: { readonly length: number }
}

/** The number of partitions of each topic, by topic id. */
export type PartitionCounts = ReadonlyMap<string, number>

/** Finds the topics that a member is subscribed to and that exist. */
export type ResolveSubscription = (member: ConsumerMember) => PartitionCounts

type Subscription = Pick<ConsumerMember, 'subscribedTopicNames' | 'subscribedTopicRegex'>

const MAX_PATTERNS = 1000

interface TopicPattern {
  matches(topic: string): boolean
}

/** Subscriptions by name and by regular expression. */
export class Subscriptions {
  readonly #topics: TopicsView
  readonly #patterns = new Map<string, TopicPattern>()
  /** Topics by the expression that they match, as of `#revision`. */
  readonly #matching = new Map<string, readonly SubscribableTopic[]>()
  #revision = -1
  #compile: ((regex: string) => TopicPattern) | undefined

  constructor(topics: TopicsView) {
    this.#topics = topics
  }

  /**
   * Has to be called for an expression before it is resolved. Throws INVALID_REGULAR_EXPRESSION. The engine is loaded with the first: it takes
   * longer than all else that a broker does to start. It is RE2, as in Kafka: its time is linear in the topic's name, whatever a client sends.
   */
  async prepare(regex: string): Promise<void> {
    if (regex === '' || this.#patterns.has(regex)) return
    if (this.#compile === undefined) {
      const { RE2JS } = await import('re2js')
      this.#compile = (source) => RE2JS.compile(source)
    }
    this.#pattern(regex)
  }

  resolve(member: Subscription): PartitionCounts {
    const named = member.subscribedTopicNames.map((name) => this.#topics.get(name))
    const regex = member.subscribedTopicRegex
    const found = [...named, ...(regex === '' ? [] : this.#topicsMatching(regex))].filter(
      (topic) => topic !== undefined,
    )
    return new Map(found.map(({ id, partitions }) => [id, partitions.length]))
  }

  includes(member: Subscription, topic: string): boolean {
    const { subscribedTopicNames: names, subscribedTopicRegex: regex } = member
    return names.includes(topic) || (regex !== '' && this.#pattern(regex).matches(topic))
  }

  #topicsMatching(regex: string): readonly SubscribableTopic[] {
    if (this.#revision !== this.#topics.revision) this.#matching.clear()
    this.#revision = this.#topics.revision
    const known = this.#matching.get(regex)
    if (known !== undefined) return known
    const pattern = this.#pattern(regex)
    const topics = this.#topics.list().filter(({ name }) => pattern.matches(name))
    if (this.#matching.size >= MAX_PATTERNS) this.#matching.clear()
    this.#matching.set(regex, topics)
    return topics
  }

  #pattern(regex: string): TopicPattern {
    const known = this.#patterns.get(regex)
    if (known !== undefined) return known
    if (this.#compile === undefined) throw new TypeError('a regular expression was not prepared')
    const pattern = compiled(regex, this.#compile)
    const [oldest] = this.#patterns.keys()
    if (this.#patterns.size >= MAX_PATTERNS && oldest !== undefined) this.#patterns.delete(oldest)
    this.#patterns.set(regex, pattern)
    return pattern
  }
}

function compiled(regex: string, compile: (regex: string) => TopicPattern): TopicPattern {
  try {
    return compile(regex)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new KafkaError('INVALID_REGULAR_EXPRESSION', `"${regex}" is not a regular expression of RE2: ${why}`)
  }
}
