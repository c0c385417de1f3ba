import type { KafkaConnection } from '@headrace/adapters/kafka'
import { HeadraceError } from '@headrace/core/errors'
import { SecurityMismatchError } from '../errors.ts'

interface Explanation {
  /** Whether the connection's settings and the reason given fit it. */
  readonly applies: (reason: string, connection: KafkaConnection) => boolean
  readonly found: string
  readonly remedy: string
}

const CLOSED = /closed/i

/** At the first contact, or when brokers tell of each other by names that no certificate has. */
const OTHER_NAMES: Explanation = {
  applies: (reason) => /does not match certificate/i.test(reason),
  found: 'a certificate is for other names than the one that its broker is reached by',
  remedy:
    'Name brokers as their certificates do, here and in what they advertise (advertised.listeners, `headrace dev --kafka-advertise`), or have certificates made for these names.',
}

const EXPLANATIONS: readonly Explanation[] = [
  OTHER_NAMES,
  {
    applies: (reason, { ssl }) => isOn(ssl) && /before secure TLS connection|wrong version number/i.test(reason),
    found: 'it does not speak TLS on this port',
    remedy: 'Leave --tls out, or name the port of its TLS listener.',
  },
  {
    applies: (reason, { ssl }) => isOn(ssl) && /self[- ]signed|unable to (get|verify)|certificate/i.test(reason),
    found: 'its certificate cannot be trusted',
    remedy: 'Give --ca FILE with the authority that has signed it (--insecure takes any certificate: for tests only).',
  },
  {
    applies: (reason, { ssl, sasl }) => !isOn(ssl) && sasl !== undefined && CLOSED.test(reason),
    found: 'it closes the connection before the login is over, as brokers do that want TLS',
    remedy: 'Add --tls (with --ca FILE where the authority is your own), or name the port of a listener without TLS.',
  },
  {
    applies: (reason, { ssl, sasl }) =>
      !isOn(ssl) && sasl === undefined && (CLOSED.test(reason) || /does not speak Kafka/.test(reason)),
    found: 'it closes the connection at the first request, as brokers do that want TLS',
    remedy:
      'Add --tls (with --ca FILE where the authority is your own). If that is not it: is this the port of a Kafka broker?',
  },
  {
    applies: (reason, { sasl }) => sasl === undefined && /told its versions and hung up/.test(reason),
    found: 'it tells its versions and hangs up at the next request, as brokers do that want a login',
    remedy: 'Add --sasl plain, scram-sha-256 or scram-sha-512 with --username NAME.',
  },
  {
    applies: (reason, { sasl }) => sasl !== undefined && /ILLEGAL_SASL_STATE|UNSUPPORTED_SASL_MECHANISM/.test(reason),
    found: 'it does not take this login on this port',
    remedy: 'Leave --sasl out, try another mechanism, or name the port of its SASL listener.',
  },
]

/** An error of the first contact in terms of the flags that would mend it, where its reason lets one tell. */
export function explainContact(error: unknown, bootstrap: string, connection: KafkaConnection): unknown {
  return error instanceof HeadraceError ? explain(error, bootstrap, connection, EXPLANATIONS) : error
}

/** The same of an error that comes later: brokers that nobody has talked to yet may be met then. */
export function explainLater(error: HeadraceError, bootstrap: string, connection: KafkaConnection): HeadraceError {
  return explain(error, bootstrap, connection, [OTHER_NAMES])
}

function explain(
  error: HeadraceError,
  bootstrap: string,
  connection: KafkaConnection,
  explanations: readonly Explanation[],
): HeadraceError {
  if (error.code !== 'KAFKA_UNREACHABLE' && error.code !== 'KAFKA_AUTH_FAILED') return error
  const reason = String(error.details.reason)
  const explanation = explanations.find(({ applies }) => applies(reason, connection))
  if (explanation === undefined) return error
  const { found, remedy } = explanation
  return new SecurityMismatchError({ bootstrap, found, remedy }, { cause: error })
}

function isOn(ssl: KafkaConnection['ssl']): boolean {
  return ssl !== undefined && ssl !== false
}
