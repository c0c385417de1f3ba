import { librdkafka } from './clients/python.ts'
import { describeClient } from './describe-client.ts'

const { version, missing, run } = await librdkafka()

describeClient({
  client: 'librdkafka (Python)',
  version,
  missing,
  features: [
    'topics',
    'partitions',
    'deleteRecords',
    'offsets',
    'groupAdmin',
    'cluster',
    'records',
    'codecs',
    'acks',
    'idempotent',
    'group',
    'resume',
    'cooperative',
    'staticMember',
    'kip848',
    'pattern',
    'autoCreate',
    'startAt',
    'outOfRange',
    'large',
    'longPoll',
    'scramUsers',
    'configs',
    'appendTime',
    'transactions',
    'transactionOffsets',
    'fencing',
  ],
  run: (address, features) => run([address, ...features]),
})
