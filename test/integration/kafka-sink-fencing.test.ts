import type { Batch, Sink, StagedFile } from '@headrace/core'
import { SINK_TEST_ID } from '@headrace/core/testing'
import { expect, it } from 'vitest'
import { kafkaSinkScene } from './support/kafka-scene.ts'

const { places, stager } = await kafkaSinkScene()

const signal = new AbortController().signal

async function batch(sequence: number, queries = [`SELECT ${sequence} AS n`]) {
  const columns = await stager.describe(queries[0] as string)
  return stager.stage({ ...SINK_TEST_ID, sequence }, { format: 'ndjson' }, columns, queries)
}

async function open(topic: string, settings: object = {}, onStep?: (step: string) => void): Promise<Sink> {
  const sink = places.sink({ topic, delivery: 'exactlyOnce', ...settings }, onStep === undefined ? {} : { onStep })
  await sink.connect(signal)
  return sink
}

it('who comes later takes over: the one before is told so, and nothing of its batch is seen', async () => {
  const topic = await places.topic(1)
  const zombie = await open(topic)
  await zombie.publish(await batch(1), signal)
  const heir = await open(topic)
  await expect(zombie.publish(await batch(2), signal)).rejects.toMatchObject({
    code: 'KAFKA_SINK_FENCED',
    retry: 'never',
  })
  await heir.publish(await batch(2), signal)
  await Promise.all([zombie.close(), heir.close()])
  expect((await places.settled(topic)).map(({ value }) => value)).toEqual(['{"n":1}', '{"n":2}'])
})

it('a lost marker stops the sink, unless it may trust the state; one that is there is never overruled', async () => {
  const topic = await places.topic(1)
  const one = await open(topic)
  for (const sequence of [1, 2]) await one.publish(await batch(sequence), signal)
  await one.close()
  await places.admin.deleteGroups([places.sinkGroup])
  const two = await open(topic)
  await expect(two.publish(await batch(3), signal)).rejects.toMatchObject({
    code: 'SINK_BEHIND',
    hint: expect.stringContaining('`lostMarker`'),
  })
  await two.close()
  const resuming = await open(topic, { lostMarker: 'resume' })
  await resuming.publish(await batch(3), signal)
  await resuming.close()
  expect(places.logged.at(-1)).toMatchObject({
    level: 'warn',
    message: expect.stringContaining('goes on with batch 3'),
    hint: expect.stringContaining('tried before'),
  })
  const again = await open(topic, { lostMarker: 'resume' })
  await again.publish(await batch(3), signal)
  await expect(again.publish(await batch(5), signal)).rejects.toMatchObject({ code: 'SINK_BEHIND' })
  await again.close()
  expect((await places.settled(topic)).map(({ value }) => value)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}'])
})

it('a publication that is stopped in the middle leaves nothing, and nothing of it comes later', async () => {
  const topic = await places.topic(2)
  const stop = new AbortController()
  const rows = (first: number, end: number) =>
    `SELECT range AS n, repeat('x', 1000) AS pad FROM range(${first}, ${end})`
  const many = await batch(1, [rows(0, 10_000), rows(10_000, 20_000)])
  const [first, second] = many.files as [StagedFile, StagedFile]
  const stopping = function* () {
    yield first
    stop.abort()
    yield second
  }
  const stopped = await open(topic)
  const half: Batch = Object.create(many, { files: { value: { [Symbol.iterator]: stopping } } })
  const publishing = stopped.publish(half, stop.signal)
  await expect(publishing).rejects.toMatchObject({ name: 'AbortError' })
  expect(await places.settled(topic)).toEqual([])
  await stopped.close()
  const next = await open(topic)
  await next.publish(many, signal)
  await next.close()
  const read = await places.settled(topic)
  expect(read).toHaveLength(20_000)
  expect(new Set(read.map(({ value }) => value)).size).toBe(20_000)
})
