import { KafkaRequestError, ProtocolError } from '@headrace/adapters/kafka'

/** What a broker says of one part of a request. */
export interface PartAnswer {
  readonly errorCode: number
  readonly errorMessage?: string | null
}

/** The error for a part that was refused, in the broker's own words. `operation` completes "Kafka refuses to …". */
export function refusal({ errorCode, errorMessage }: PartAnswer, operation: string): KafkaRequestError {
  const name = new ProtocolError(errorCode).apiId
  const reason = errorMessage === undefined || errorMessage === null ? name : `${name}: ${errorMessage}`
  return new KafkaRequestError({ operation, reason })
}
