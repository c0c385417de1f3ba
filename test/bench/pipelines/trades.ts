/** The bench's trade records: fixed by their seed, so that every run and every system works on the same bytes. */
export interface TradeShape {
  readonly records: number
  readonly seed: number
}

const START_MS = Date.UTC(2026, 10, 20, 10)
const SPAN_MS = 60 * 60_000
const JITTER_MS = 2000
const USERS = 10_000
const PRODUCTS = 1000

/** Every record in order: its user number (the key) and its JSON text. 60 minutes of event time, ±2 s of jitter. */
export function* generateTrades(shape: TradeShape): Generator<{ user: number; json: string }> {
  const random = mulberry32(shape.seed)
  for (let i = 0; i < shape.records; i++) {
    const user = Math.floor(random() * USERS)
    const product = Math.floor(random() * PRODUCTS)
    const count = 1 + Math.floor(random() * 10)
    const time = START_MS + (i / shape.records) * SPAN_MS + (random() * 2 - 1) * JITTER_MS
    const at = new Date(time).toISOString()
    yield {
      user,
      json: `{"tid":${i},"tno":"T${pad(i, 10)}","tdate":"2026-11-20","uno":"${userName(user)}","pno":"P${pad(product, 4)}","tnum":${count},"tuptime":"${at.slice(0, 10)} ${at.slice(11, 23)}"}`,
    }
  }
}

export function userName(user: number): string {
  return `U${pad(user, 7)}`
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}

/** A small, well-mixed generator of 32 bits of state (Mulberry32): good enough for test data, and the same everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
