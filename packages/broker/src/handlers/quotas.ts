import { describeClientQuotas, ERROR } from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'

/** There are none, and none can be made. That is answered because Kafka's tools ask it beside what users there are. */
export function describeClientQuotasHandler(): Handler {
  return handlerOf(describeClientQuotas, () => ({ errorCode: ERROR.NONE, entries: [] }))
}
