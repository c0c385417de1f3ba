import { setTimeout } from 'node:timers/promises'
import { BrokerConnection, ResponseBufferPool } from '@headrace/adapters/kafka'
import { listOffsets } from '@headrace/broker/protocol'

const VERSION = 5
const LATEST = -1
const PATIENCE_MS = 30_000

/**
 * Resolves when no transaction is open in the topic: a broker writes the end of one after it has answered, and what readers of
 * committed records take for the end of the topic lies before it until then.
 */
export async function untilSettled(address: string, topic: string, partitions: number): Promise<void> {
  const [host = '', port] = address.split(':')
  const connection = new BrokerConnection({ bootstrap: address, clientId: 'headrace-test' }, new ResponseBufferPool(0))
  await connection.open({ host, port: Number(port) })
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => {
    return { partitionIndex, currentLeaderEpoch: -1, timestamp: LATEST }
  })
  const ends = async (isolationLevel: 0 | 1) => {
    const body = { isolationLevel, topics: [{ name: topic, partitions: asked }] }
    const answer = await connection.request(listOffsets, VERSION, body)
    return answer.topics.flatMap((one) => one.partitions.map(({ offset }) => offset)).join()
  }
  try {
    for (const deadline = Date.now() + PATIENCE_MS; (await ends(0)) !== (await ends(1)); await setTimeout(5)) {
      if (Date.now() > deadline) throw new Error(`a transaction is open in topic ${topic} for ${PATIENCE_MS} ms`)
    }
  } finally {
    connection.close()
  }
}
