import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { type Admin, Consumer, stringDeserializers } from '@platformatic/kafka'
import type { Feature } from '../features.ts'
import { platformaticClients } from './platformatic-clients.ts'
import { until } from './until.ts'

const TOPIC = 2
const SET = 0

/** Administration, and where to read from. */
export function platformaticAdminChecks(address: string): Partial<Record<Feature, () => Promise<void>>> {
  const { connection, withAdmin, newTopic, send, values } = platformaticClients(address)

  async function offsetOf(admin: Admin, topic: string, timestamp: bigint): Promise<bigint | undefined> {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }]
    return (await admin.listOffsets({ topics }))[0]?.partitions[0]?.offset
  }
  const firstAndLast = (admin: Admin, topic: string) =>
    Promise.all([-2n, -1n].map((spec) => offsetOf(admin, topic, spec)))

  return {
    partitions: () =>
      withAdmin(async (admin) => {
        const name = await newTopic(2)
        const { controllerId } = await admin.metadata({ topics: [name] })
        const assignments = [1, 2, 3].map(() => ({ brokerIds: [controllerId] }))
        await rejects(admin.createPartitions({ topics: [{ name, count: 1, assignments }] }))
        await admin.createPartitions({ topics: [{ name, count: 5, assignments }] })
        await until('5 partitions', async () => {
          const { topics } = await admin.metadata({ topics: [name], forceUpdate: true })
          return topics.get(name)?.partitionsCount === 5
        })
      }),
    configs: () =>
      withAdmin(async (admin) => {
        const resource = {
          resourceType: TOPIC,
          resourceName: await newTopic(1, { 'segment.bytes': '1048576' }),
        } as const
        const configOf = async (name: string) => {
          const [described] = await admin.describeConfigs({ resources: [resource] })
          return described?.configs.find((config) => config.name === name)?.value
        }
        const alter = (name: string, value: string) =>
          admin.incrementalAlterConfigs({
            resources: [{ ...resource, configs: [{ name, configOperation: SET, value }] }],
          })
        equal(await configOf('segment.bytes'), '1048576')
        await alter('max.message.bytes', '1000')
        await until('the change is seen', async () => (await configOf('max.message.bytes')) === '1000')
        await rejects(send(resource.resourceName, ['x'.repeat(5000)], { retries: 0 }))
        await rejects(alter('retention.ms', 'soon'))
      }),
    deleteRecords: () =>
      withAdmin(async (admin) => {
        const name = await newTopic()
        await send(name, values('v', 10))
        const [deleted] = await admin.deleteRecords({ topics: [{ name, partitions: [{ partition: 0, offset: 7n }] }] })
        equal(deleted?.partitions[0]?.lowWatermark, 7n)
        deepEqual(await firstAndLast(admin, name), [7n, 10n])
      }),
    offsets: () =>
      withAdmin(async (admin) => {
        const topic = await newTopic()
        await send(topic, values('v', 3))
        deepEqual(await firstAndLast(admin, topic), [0n, 3n])
        deepEqual(await Promise.all([1n, BigInt(Date.now() + 100_000)].map((at) => offsetOf(admin, topic, at))), [
          0n,
          -1n,
        ])
      }),
    cluster: () =>
      withAdmin(async (admin) => {
        const { id, brokers, controllerId } = await admin.metadata({ topics: [] })
        const nodes = [...brokers.values()].map(({ host, port }) => `${host}:${port}`)
        deepEqual([nodes, [...brokers.keys()]], [[address], [controllerId]])
        ok(id.length > 10)
      }),
    logDirs: () =>
      withAdmin(async (admin) => {
        const name = await newTopic()
        await send(name, ['x'.repeat(1000)])
        const [described] = await admin.describeLogDirs({ topics: [{ name, partitions: [0] }] })
        const sizes = described?.results.flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions))
        ok(
          Number(sizes?.[0]?.partitionSize) > 1000,
          JSON.stringify(sizes, (_, value) => String(value)),
        )
      }),
    startAt: async () => {
      const topic = await newTopic()
      await send(topic, values('v', 10))
      const consumer = new Consumer({ ...connection, groupId: topic, deserializers: stringDeserializers })
      const offsets = [{ topic, partition: 0, offset: 7n }]
      const stream = await consumer.consume({ topics: [topic], mode: 'manual', offsets, autocommit: false })
      const seen: string[] = []
      for await (const { value } of stream) if (seen.push(String(value)) === 3) break
      deepEqual(seen, ['v 7', 'v 8', 'v 9'])
      await consumer.close(true)
    },
  }
}
