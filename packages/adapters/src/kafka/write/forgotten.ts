import { FORGOTTEN_CODES, ProtocolError } from '../client/protocol-errors.ts'
import { ProducerForgottenError } from '../errors.ts'

/** What to tell where brokers no longer know the producer or its last records: a new one may begin where this one ended. */
export function forgotten(error: unknown): ProducerForgottenError | undefined {
  if (!(error instanceof ProtocolError) || !FORGOTTEN_CODES.has(error.apiCode)) return undefined
  return new ProducerForgottenError({ reason: error.apiId }, { cause: error })
}
