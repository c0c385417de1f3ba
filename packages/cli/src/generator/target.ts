import { GenerateTargetError } from '../errors.ts'

/** Where generated records go. */
export type GenerateTarget =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string }
  /** `bootstrap` is absent where the running development broker is meant. */
  | { readonly kind: 'kafka'; readonly bootstrap?: readonly string[]; readonly topic: string }

const DEFAULT_TOPIC = 'trades'

/**
 * Reads the value of `--to`: `stdout` or `-`, a file, `kafka` (the running development broker, topic `trades`),
 * `kafka:TOPIC`, or `kafka://host:port[,host:port…][/TOPIC]`. Throws GENERATE_TARGET_INVALID.
 */
export function parseTarget(text: string): GenerateTarget {
  if (text === 'stdout' || text === '-') return { kind: 'stdout' }
  if (text === 'kafka') return { kind: 'kafka', topic: DEFAULT_TOPIC }
  if (text.startsWith('kafka://')) return parseKafkaUrl(text)
  if (text.startsWith('kafka:')) return { kind: 'kafka', topic: checkTopic(text, text.slice('kafka:'.length)) }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new GenerateTargetError({ target: text, reason: 'only kafka:// addresses are known' })
  }
  if (text.trim() === '') throw new GenerateTargetError({ target: text, reason: 'it is empty' })
  return { kind: 'file', path: text }
}

function parseKafkaUrl(text: string): GenerateTarget {
  const [servers = '', ...path] = text.slice('kafka://'.length).split('/')
  const topic = checkTopic(text, path.join('/') || DEFAULT_TOPIC)
  if (servers === '') return { kind: 'kafka', topic }
  const bootstrap = servers.split(',')
  for (const server of bootstrap) {
    const port = Number(/^(?:[^:@\s]+|\[[0-9a-fA-F:]+\]):(\d+)$/.exec(server)?.[1])
    if (!(port >= 1 && port <= 65_535)) {
      throw new GenerateTargetError({ target: text, reason: `"${server}" is not host:port` })
    }
  }
  return { kind: 'kafka', bootstrap, topic }
}

function checkTopic(text: string, topic: string): string {
  if (/^[A-Za-z0-9._-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..') return topic
  throw new GenerateTargetError({ target: text, reason: `"${topic}" cannot be the name of a topic` })
}
