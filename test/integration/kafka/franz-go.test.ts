import { franzGo } from './clients/go.ts'
import { describeClient } from './describe-client.ts'

const { version, missing, run } = await franzGo()

describeClient({
  client: 'franz-go',
  version,
  missing,
  features: [
    'topics',
    'partitions',
    'configs',
    'deleteRecords',
    'offsets',
    'groupAdmin',
    'cluster',
    'records',
    'codecs',
    'acks',
    'idempotent',
    'longPoll',
    'autoCreate',
    'startAt',
    'outOfRange',
    'large',
    'appendTime',
    'logDirs',
    'scramUsers',
    'group',
    'resume',
    'cooperative',
    'staticMember',
    'kip848',
    'pattern',
    'transactions',
    'transactionOffsets',
    'fencing',
    'transactionAdmin',
  ],
  run: (address, features) => run([address, ...features]),
})
