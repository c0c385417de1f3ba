import { readOutcomes } from '../integration/kafka/client-outcomes.ts'
import { FEATURE_NAMES, FEATURES } from '../integration/kafka/features.ts'
import { page, table } from './markdown.ts'

const SIGNS = { passed: 'yes', failed: '**no**', untried: '–' }

/** Which client does what with the embedded broker, as their last test run left it. Throws where nothing was tried. */
export async function kafkaClientsPage(): Promise<string> {
  const clients = await readOutcomes()
  const tried = FEATURE_NAMES.filter((feature) => clients.some(({ features }) => features[feature] !== undefined))
  if (tried.length === 0) throw new Error('no client has been tried: run the tests in test/integration/kafka')
  const rows = tried.map((feature) => [
    FEATURES[feature],
    ...clients.map(({ features }) => SIGNS[features[feature] ?? 'untried']),
  ])
  return page(
    'Kafka clients and the embedded broker',
    'Each “yes” is a test that passes: the client, as its makers publish it, does this with the embedded broker and finds what it expects. The same checks, but for those of TLS and SASL, are run against Apache Kafka, which shows that they ask for what Kafka does. “–” is what the client does not offer, or what is not tried with it.',
    table(['', ...clients.map(({ client, version }) => `${client} ${version}`)], rows),
    'Not there, and not planned: more than one node, replication, access control lists, quotas. For these use [Apache Kafka](https://kafka.apache.org).',
    'The outcomes are written by the tests in `test/integration/kafka`: `npm test -- test/integration/kafka`, then `npm run docs`.',
  )
}
