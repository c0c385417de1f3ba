import { setTimeout } from 'node:timers/promises'
import type { Admin, ITopicConfig } from 'kafkajs'

/** Makes a topic; resolves when it can be written and read. */
export async function makeTopic(admin: Admin, topic: ITopicConfig): Promise<void> {
  await admin.createTopics({ topics: [topic], waitForLeaders: false })
  // Brokers of a real cluster hear of a topic, and open its partitions, a moment after it was made.
  await untilDone(() => admin.fetchTopicOffsets(topic.topic))
}

/** Tries again what a cluster refuses until it has settled, for 10 s at most. */
export async function untilDone(call: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await call()
      return
    } catch (error) {
      if (attempt === 200) throw error
      await setTimeout(50)
    }
  }
}
