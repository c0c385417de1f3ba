import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Pace } from '../../generator/pace.ts'
import type { InputReader, RecordTarget } from './input.ts'
import type { TopicWriter } from './topic-writer.ts'

export interface SendOptions {
  readonly stream: Readable
  readonly input: InputReader
  readonly writer: TopicWriter
  /** Records a second; as fast as they are taken unless given. */
  readonly rate?: number | undefined
  /** Of every record, in ms; the moment of sending unless given. */
  readonly timestamp?: number | undefined
  /** Ends reading; what has been read by then is still sent. */
  readonly signal: AbortSignal
  readonly onProgress: () => void
}

/** Sends what a stream holds. Where a line cannot be sent, those before it are, and then its error is thrown. */
export async function sendInput(options: SendOptions): Promise<void> {
  const { stream, writer, signal } = options
  const stop = () => stream.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (options.rate === undefined) await sendAll(options)
    else await sendPaced(options, new Pace(options.rate, performance.now()))
  } finally {
    signal.removeEventListener('abort', stop)
    stream.destroy()
    await writer.flush()
  }
}

async function sendAll({ stream, input, writer, timestamp, signal, onProgress }: SendOptions): Promise<void> {
  let now = timestamp ?? Date.now()
  const target: RecordTarget = {
    record: (key, value) => writer.append(key, value, now),
    part: (bytes, start, end) => writer.appendPart(bytes, start, end, now),
  }
  for await (const chunk of chunks(stream, signal)) {
    now = timestamp ?? Date.now()
    input.push(chunk, target)
    onProgress()
    await writer.room()
  }
  if (!signal.aborted) input.end(target)
}

/** As `sendAll`, each record when it is due: few enough for an object each. */
async function sendPaced(options: SendOptions, pace: Pace): Promise<void> {
  const { stream, input, writer, timestamp, signal, onProgress } = options
  const waiting: { key: Buffer | null; value: Buffer | null }[] = []
  const target: RecordTarget = {
    record: (key, value) => waiting.push({ key: key && Buffer.from(key), value: value && Buffer.from(value) }),
    part: (bytes, start, end) => waiting.push({ key: null, value: Buffer.from(bytes.subarray(start, end)) }),
  }
  const drain = async () => {
    while (waiting.length > 0 && !signal.aborted) {
      const due = waiting.splice(0, pace.due(performance.now()))
      for (const { key, value } of due) writer.append(key, value, timestamp ?? Date.now())
      pace.took(due.length)
      onProgress()
      await writer.room()
      if (waiting.length > 0) await delay(pace.waitMs(performance.now()), undefined, { signal }).catch(ignoreAbort)
    }
  }
  for await (const chunk of chunks(stream, signal)) {
    const failure = caught(() => input.push(chunk, target))
    await drain()
    if (failure !== undefined) throw failure
  }
  if (signal.aborted) return
  const failure = caught(() => input.end(target))
  await drain()
  if (failure !== undefined) throw failure
}

/** The stream's pieces until it ends or is given up. */
async function* chunks(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* stream as AsyncIterable<Buffer>
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** What a call throws, for later: the records before a mistake are sent first. */
function caught(call: () => void): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error
}
