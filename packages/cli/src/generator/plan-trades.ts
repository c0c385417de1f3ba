import { Random } from './random.ts'
import {
  MALFORMED_KINDS,
  type MalformedKind,
  type PlannedRecord,
  type RecordKind,
  type TradePlan,
} from './trade-plan.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A duplicate repeats one of so many orders before it: near enough not to be late as well. */
const REMEMBERED_ORDERS = 32

/** Late records lie between two and ten minutes behind: beyond any delay of seconds, and in a window that has closed. */
const LATE_BY_MS = { least: 120_000, most: 600_000 } as const

/** Trade orders in the order in which they are sent. Pure: the plan decides every byte. */
export function* planTrades(plan: TradePlan): Generator<PlannedRecord, void> {
  const random = new Random(plan.seed)
  const recent: PlannedRecord[] = []
  let orders = 0
  const end = plan.count ?? Number.POSITIVE_INFINITY
  for (let n = 0; n < end; n++) {
    const timestampMs = Math.round(plan.startMs + n * plan.stepMs)
    const kind = drawKind(random, plan)
    if (kind === 'duplicate' && recent.length > 0) {
      yield { ...(recent[random.below(recent.length)] as PlannedRecord), kind, timestampMs }
      continue
    }
    const record = planRecord(random, plan, kind === 'duplicate' ? 'order' : kind, plan.firstId + n, timestampMs)
    if (record.kind === 'order') recent[orders++ % REMEMBERED_ORDERS] = record
    yield record
  }
}

function drawKind(random: Random, plan: TradePlan): RecordKind {
  const { malformed, late, duplicate, cancelled } = plan.shares
  let draw = random.fraction()
  if ((draw -= malformed) < 0) return MALFORMED_KINDS[random.below(MALFORMED_KINDS.length)] as MalformedKind
  if ((draw -= late) < 0) return 'late'
  if ((draw -= duplicate) < 0) return 'duplicate'
  if ((draw -= cancelled) < 0) return 'cancelled'
  return 'order'
}

function planRecord(random: Random, plan: TradePlan, kind: RecordKind, id: number, timestampMs: number): PlannedRecord {
  const user = random.below(plan.users)
  const product = random.below(plan.products)
  const quantity = kind === 'cancelled' ? 0 : random.between(1, 10)
  const behindMs =
    kind === 'late' ? random.between(LATE_BY_MS.least, LATE_BY_MS.most) : random.between(-plan.jitterMs, plan.jitterMs)
  const time = new Date(timestampMs - behindMs).toISOString()
  const key = `U${String(1000 + user)}`
  const order = {
    tid: String(id),
    tno: tradeNumber(random, time),
    tdate: plan.tradeDate ?? time.slice(0, 10),
    uno: key,
    pno: `P${String(1000 + product)}`,
    tnum: quantity,
    tuptime: time,
  }
  return { kind, key, partition: user % plan.partitions, value: encode(random, kind, order), timestampMs }
}

/** Four letters and the second of the order, as `AwGi20200904131249`. */
function tradeNumber(random: Random, time: string): string {
  let bits = random.next()
  let number = ''
  for (let i = 0; i < 4; i++) {
    number += LETTERS[bits % LETTERS.length]
    bits = Math.floor(bits / LETTERS.length)
  }
  return `${number}${time.slice(0, 4)}${time.slice(5, 7)}${time.slice(8, 10)}${time.slice(11, 13)}${time.slice(14, 16)}${time.slice(17, 19)}`
}

interface Order {
  readonly tid: string
  readonly tno: string
  readonly tdate: string
  readonly uno: string
  readonly pno: string
  readonly tnum: number
  readonly tuptime: string
}

function encode(random: Random, kind: RecordKind, order: Order): string | Uint8Array {
  switch (kind) {
    case 'truncated': {
      const text = JSON.stringify(order)
      return text.slice(0, random.between(1, text.length - 1))
    }
    case 'wrongType':
      return JSON.stringify(
        random.below(2) === 0 ? { ...order, tnum: 'a dozen' } : { ...order, tuptime: 'around noon' },
      )
    case 'notUtf8': {
      const bytes = new TextEncoder().encode(JSON.stringify(order))
      // 0xFF stands nowhere in UTF-8; the place is inside the value of `tno`, so that the JSON around it is whole.
      bytes[bytes.indexOf(0x2c) + 9] = 0xff
      return bytes
    }
    case 'empty':
      return ''
    case 'text':
      return `${order.tuptime} WARN order ${order.tno} of ${order.uno} could not be encoded`
    default:
      return JSON.stringify(order)
  }
}
