import type { KafkaSourceConfig } from './config.ts'

/** Which topics a source reads. */
export type Subscription = { readonly names: readonly string[] } | { readonly pattern: RegExp }

export function subscriptionOf({ topic, topics }: Pick<KafkaSourceConfig, 'topic' | 'topics'>): Subscription {
  if (topics !== undefined) return { pattern: patternOf(topics.pattern) }
  return { names: typeof topic === 'string' ? [topic] : [...new Set(topic)] }
}

/** As in Kafka's own clients, the pattern stands for the whole name. Throws `SyntaxError`. */
export function patternOf(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}

/** For messages: `topic "trades"`, `topics "a", "b"`, `topics that match /…/`. */
export function describeSubscription(subscription: Subscription): string {
  if ('pattern' in subscription) return `topics that match ${subscription.pattern.source.slice(4, -2)}`
  const names = subscription.names.map((name) => `"${name}"`)
  return `${names.length === 1 ? 'topic' : 'topics'} ${names.join(', ')}`
}
