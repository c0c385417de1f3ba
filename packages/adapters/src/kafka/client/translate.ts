import { HeadraceError, InternalError, isProgrammingError } from '@headrace/core/errors'
import { BrokerUnreachableError, KafkaAuthError, KafkaRequestError } from '../errors.ts'

interface TranslationContext {
  readonly bootstrap: string
  /** Completes "Kafka refuses to …". */
  readonly operation: string
}

/**
 * An error of a socket, of the protocol, or already ours, as one of the catalogue. A mistake in this program is told as
 * that: waiting does not mend it.
 */
export function translateKafkaError(error: unknown, context: TranslationContext): HeadraceError {
  if (error instanceof HeadraceError) return error
  const chain = [...everyCause(error)]
  const { bootstrap } = context
  const refused = chain.find(isRefusal)
  if (refused !== undefined)
    return new KafkaAuthError({ bootstrap, reason: innermost(chain, refused) }, { cause: error })
  const protocol = chain.find((one) => typeof one.apiId === 'string')
  if (protocol !== undefined) return errorOf(protocol, context, error)
  const mistake = chain.find(isProgrammingError)
  if (mistake !== undefined) return new InternalError({ reason: mistake.message }, { cause: error })
  return new BrokerUnreachableError({ bootstrap, reason: innermost(chain) }, { cause: error })
}

/** Wrong credentials, no TLS where it is wanted, or a certificate that does not hold: trying again changes nothing. */
function isRefusal({ code = '', name }: AnyError): boolean {
  return (
    name === 'LoginRefusedError' ||
    name === 'NotKafkaError' ||
    /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/.test(code)
  )
}

function errorOf(
  { apiId: id = '', canRetry = false, message }: AnyError,
  { bootstrap, operation }: TranslationContext,
  cause: unknown,
): HeadraceError {
  const options = { cause }
  if (id.endsWith('AUTHORIZATION_FAILED') || id.startsWith('SASL_')) {
    return new KafkaAuthError({ bootstrap, reason: `${id} (to ${operation})` }, options)
  }
  if (canRetry) return new BrokerUnreachableError({ bootstrap, reason: `${id} (to ${operation})` }, options)
  return new KafkaRequestError({ operation, reason: message }, options)
}

interface AnyError extends Error {
  readonly code?: string
  readonly apiId?: string
  readonly canRetry?: boolean
  readonly errors?: readonly unknown[]
}

function* everyCause(error: unknown): Generator<AnyError> {
  if (!(error instanceof Error)) return
  const known: AnyError = error
  yield known
  for (const inner of known.errors ?? []) yield* everyCause(inner)
  yield* everyCause(error.cause)
}

/** The most exact words: what the system or the broker said, rather than what wraps it. */
function innermost(chain: readonly AnyError[], from = chain[0]): string {
  const rest = chain.slice(from === undefined ? 0 : chain.indexOf(from)).filter((one) => one.message !== '')
  const last = rest.at(-1)
  return last?.message ?? 'the connection was closed'
}
